import '@tensorflow/tfjs-backend-cpu';
import { fill, memory, setBackend, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { featureMapGrid, kernelGrid } from '../../src/features/index.js';
import { colorTable } from '../../src/images/colorMap.js';
import { vgg } from '../../src/index.js';

beforeAll(() => setBackend('cpu'));

const pixel = ({ data, width }: { data: ArrayLike<number>; width: number }, x: number, y: number) =>
  [0, 1, 2].map((k) => data[3 * (y * width + x) + k]!);

describe('grids', () => {
  const features = () => tensor([1, 10, 2, 20, 3, 30, 4, 40], [1, 2, 2, 2]);

  test('lay the channels out in rows, each with its own range or all with one', async () => {
    const before = memory().numTensors;
    const x = features();
    const options = { colorMap: 'gray', scale: 1, columns: 2 } as const;
    expect(await featureMapGrid(x, options)).toEqual({
      data: Uint8ClampedArray.of(0, 85, 255, 0, 85, 170, 255, 255, 170, 255),
      width: 5,
      height: 2,
    });
    const all = await featureMapGrid(x, { ...options, normalize: 'all', padding: 0, columns: 1 });
    expect([all.width, all.height]).toEqual([2, 4]);
    expect([...all.data]).toEqual([0, 7, 13, 20, 59, 124, 190, 255]);
    x.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('show whole numbers as the same floats', async () => {
    const [floats, wholes] = (['float32', 'int32'] as const).map((dtype) =>
      tensor([0, 1, 2, 3], [2, 2, 1], dtype),
    );
    const options = { colorMap: 'gray', scale: 1, columns: 1 } as const;
    const { data } = await featureMapGrid(wholes!, options);
    expect([...data]).toEqual([0, 85, 170, 255]);
    expect(data).toEqual((await featureMapGrid(floats!, options)).data);
    for (const one of [floats, wholes]) one!.dispose();
  });

  test('show some channels in their order, enlarged, in colors', async () => {
    const x = features();
    const { data, width, height } = await featureMapGrid(x, { channels: [1, 0, 1], columns: 3, scale: 2 });
    expect([width, height, data.length]).toEqual([14, 4, 3 * 14 * 4]);
    expect(pixel({ data, width }, 0, 0)).toEqual([...colorTable('viridis').slice(0, 3)]);
    expect(pixel({ data, width }, 13, 3)).toEqual([...colorTable('viridis').slice(-3)]);
    expect(pixel({ data, width }, 4, 0)).toEqual([255, 255, 255]);
    x.dispose();
  });

  test('refuse what they cannot show', async () => {
    const x = features();
    await expect(featureMapGrid(x, { channels: [2] })).rejects.toThrow(
      'featureMapGrid: channels is [2]; pass one or more of the 2 channels, 0 to 1.',
    );
    await expect(featureMapGrid(tensor([[1]]))).rejects.toThrow('the features have shape [1,1]');
    for (const shape of [
      [1, 0, 8, 3],
      [8, 0, 3],
      [1, 8, 8, 0],
    ]) {
      const empty = fill(shape, 0);
      await expect(featureMapGrid(empty)).rejects.toThrow(
        `featureMapGrid: the features have shape [${shape}]; pass [height, width, channels] of one image, each at least 1.`,
      );
      empty.dispose();
    }
    await expect(featureMapGrid(x, { padding: -1 })).rejects.toThrow('featureMapGrid: padding is -1');
    x.dispose();
    const finite = 'pass finite numbers, and check what computed it.';
    const odd = tensor([0, Number.NaN, 1, 2], [2, 2, 1]);
    await expect(featureMapGrid(odd)).rejects.toThrow(
      `featureMapGrid: the tensor has the value NaN; ${finite}`,
    );
    const model = vgg([[1, 2]], { inputShape: [8, 8, 3], classes: 2, hiddenUnits: 2 });
    const [kernel, ...rest] = model.getWeights();
    const wrong = fill(kernel!.shape, Number.POSITIVE_INFINITY);
    model.setWeights([wrong, ...rest]);
    await expect(kernelGrid(model)).rejects.toThrow(
      `kernelGrid: the kernel of block1_conv1 has the value Infinity; ${finite}`,
    );
    for (const one of [odd, wrong, model]) one.dispose();
  });

  test('show the first kernels, on one scale', async () => {
    const model = vgg([[1, 2]], { inputShape: [8, 8, 3], classes: 2, hiddenUnits: 2 });
    const values = Array.from({ length: 54 }, (_, i) => (i % 2 === 0 ? i / 2 : -13));
    const [bias, ...rest] = model.getWeights().slice(1);
    model.setWeights([tensor(values, [3, 3, 3, 2]), bias!, ...rest]);
    const before = memory().numTensors;
    const image = await kernelGrid(model, { scale: 1 });
    expect([image.width, image.height]).toEqual([7, 3]);
    // The first kernel goes from 0 to 26, the second is -13 everywhere.
    expect(pixel(image, 0, 0)).toEqual([128, 132, 137]);
    expect(pixel(image, 2, 2)).toEqual([245, 250, 255]);
    expect(pixel(image, 6, 1)).toEqual([64, 64, 64]);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});
