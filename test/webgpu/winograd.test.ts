import { backend, dispose, engine, reshape, setBackend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import type { Convolution } from '../../src/webgpu/convolution.js';
import { convolve } from '../../src/webgpu/convolve.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import type { Tuner } from '../../src/webgpu/tuner.js';
import { winograd, winogradVariants } from '../../src/webgpu/winograd.js';
import { convolution, type Geometry, inputGradient } from '../wasm/float64.js';
import { available, error, numbers, withLimits } from './compare.js';

/** The tolerance of tiles of 2x2 and 4x4 outputs, as a fraction of the largest output. */
const TOLERANCE = { 2: 3e-6, 4: 1e-5 };

interface Case {
  image: [number, number, number, number];
  outChannels: number;
  pad: 0 | 1;
  relu: boolean;
}

/** Odd and even sides, tiles beyond the edges, one image and several. */
const CASES: Case[] = [
  { image: [1, 1, 1, 32], outChannels: 4, pad: 1, relu: true },
  { image: [3, 9, 6, 32], outChannels: 12, pad: 1, relu: true },
  { image: [2, 8, 12, 64], outChannels: 40, pad: 1, relu: false },
  { image: [1, 7, 10, 32], outChannels: 36, pad: 0, relu: true },
];

const geometryOf = ({ image, outChannels, pad }: Case): Geometry => {
  const [batch, height, width, inChannels] = image;
  const [outHeight, outWidth] = [height + 2 * pad - 2, width + 2 * pad - 2];
  return {
    ...{ batch, height, width, inChannels, outChannels, rows: 3, columns: 3, stride: 1 },
    ...{ top: pad, left: pad, outHeight, outWidth },
  };
};

/** What a convolution gives in tiles of 2x2 and of 4x4 outputs. */
async function inTiles(
  shapes: { x: number[]; filter: number[] },
  values: { x: Float32Array; filter: Float32Array; bias?: Float32Array },
  others: Omit<Convolution, 'x' | 'filter' | 'bias'>,
): Promise<{ outputs: 2 | 4; y: Float32Array }[]> {
  await setBackend('webgpu');
  const gpu = backend() as unknown as WebgpuBackend;
  const forms = new KeptForms(gpu);
  const x = tensor(values.x, shapes.x);
  const filter = tensor(values.filter, shapes.filter);
  const bias = values.bias && tensor(values.bias, [values.bias.length]);
  const one = { x, filter, bias, ...others };
  // The tiles of the products, of which there are several for most shapes, are tested by themselves.
  const all = winogradVariants(gpu, one);
  const variants = all.filter(({ outputs }, i) => outputs !== all[i - 1]?.outputs);
  const results = variants.map((variant) => ({
    outputs: variant.outputs,
    y: engine().makeTensorFromTensorInfo(winograd(gpu, forms, one, variant)),
  }));
  const read = await Promise.all(
    results.map(async ({ outputs, y }) => ({ outputs, y: (await y.data()) as Float32Array })),
  );
  expect(read.map(({ outputs }) => outputs)).toEqual([4, 2]);
  for (const tensor of [x, filter, ...(bias ? [bias] : []), ...results.map(({ y }) => y)]) tensor.dispose();
  forms.close();
  return read;
}

describe.skipIf(!available)("Winograd's minimal filtering on WebGPU", () => {
  test.each(CASES)('$image to $outChannels channels, padded by $pad: as in float64', async (one) => {
    const g = geometryOf(one);
    const shapes = { x: one.image, filter: [3, 3, g.inChannels, g.outChannels] };
    const [x, filter] = [numbers(size(shapes.x), 1), numbers(size(shapes.filter), 2)];
    const bias = one.relu ? numbers(g.outChannels, 3) : undefined;
    const expected = convolution(g, x, filter, bias, one.relu);
    const outShape = [g.batch, g.outHeight, g.outWidth, g.outChannels] as Convolution['outShape'];
    const activation = one.relu ? 'relu' : 'linear';
    const others = { activation, pad: [one.pad, one.pad] as [number, number], outShape } as const;
    for (const { outputs, y } of await inTiles(shapes, { x, filter, bias }, others)) {
      expect(error(y, expected), `${outputs}`).toBeLessThan(TOLERANCE[outputs]);
    }
  });

  test('the gradient of images, with the rotated filter: as in float64', async () => {
    const g = geometryOf({ image: [2, 7, 9, 36], outChannels: 64, pad: 1, relu: false });
    const shapes = { x: [2, 7, 9, 64], filter: [3, 3, 36, 64] };
    const [dy, filter] = [numbers(size(shapes.x), 1), numbers(size(shapes.filter), 2)];
    const expected = inputGradient(g, filter, dy);
    const others = {
      rotated: true,
      pad: [1, 1] as [number, number],
      outShape: [2, 7, 9, 36] as Convolution['outShape'],
    };
    for (const { outputs, y } of await inTiles(shapes, { x: dy, filter }, others)) {
      expect(error(y, expected), `${outputs}`).toBeLessThan(TOLERANCE[outputs]);
    }
  });

  test('some images at a time, where a buffer does not hold all', async () => {
    const [x, filter] = [numbers(5 * 9 * 6 * 32, 1), numbers(9 * 32 * 12, 2)];
    const shapes = { x: [5, 9, 6, 32], filter: [3, 3, 32, 12] };
    const others = { pad: [1, 1] as [number, number], outShape: [5, 9, 6, 12] as Convolution['outShape'] };
    const whole = await inTiles(shapes, { x, filter }, others);
    // Two images of 36 points of 6 tiles of 32 channels.
    const limits = { maxStorageBufferBindingSize: 2 * 4 * 36 * 6 * 32 };
    expect(await withLimits(limits, () => inTiles(shapes, { x, filter }, others))).toEqual(whole);
  });

  test('what does not fit into a buffer is refused, and leaves nothing behind', async () => {
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const inside = gpu as unknown as { numDataIds(): number };
    const forms = new KeptForms(gpu);
    const x = tensor(numbers(40 * 32, 1), [40, 1, 1, 32]);
    const filter = tensor(numbers(9 * 32 * 64, 2), [3, 3, 32, 64]);
    const before = inside.numDataIds();
    const one: Convolution = { x, filter, pad: [1, 1], outShape: [40, 40, 40, 64] };
    // The transformed filter and an image's tiles fit, the result does not.
    await withLimits({ maxStorageBufferBindingSize: 4 * 36 * 100 * 64 }, async () => {
      expect(() => winograd(gpu, forms, one, winogradVariants(gpu, one)[0]!)).toThrow(/the result of shape/);
    });
    // What recorded programs use is freed when they are submitted.
    await x.clone().data();
    expect(inside.numDataIds()).toBe(before);
    for (const tensor of [x, filter]) tensor.dispose();
    forms.close();
  });

  test('a transform is that of its shape: tensors that reshape has made share their data, and nothing else', async () => {
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const forms = new KeptForms(gpu);
    const filter = tensor(numbers(9 * 32 * 64, 2), [3, 3, 32, 64]);
    const output = async (of: Tensor) => {
      // As in the gradient of images, whose transform has another order than the filter.
      const [, , outChannels, inChannels] = of.shape as [number, number, number, number];
      const x = tensor(numbers(54 * inChannels, 1), [1, 9, 6, inChannels]);
      const outShape: Convolution['outShape'] = [1, 9, 6, outChannels];
      const one: Convolution = { x, filter: of, rotated: true, pad: [1, 1], outShape };
      const y = engine().makeTensorFromTensorInfo(winograd(gpu, forms, one, winogradVariants(gpu, one)[0]!));
      const values = await y.data();
      dispose([x, y]);
      return values;
    };
    const own = tensor(numbers(9 * 32 * 64, 2), [3, 3, 64, 32]);
    const expected = [await output(filter), await output(own)];
    const shared = reshape(filter, [3, 3, 64, 32]);
    for (let use = 0; use < 2; use++) {
      expect([await output(filter), await output(shared)]).toEqual(expected);
    }
    dispose([own, filter, shared]);
    forms.close();
  });

  test('a filter is transformed for each use but kept from the second, until it is disposed', async () => {
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const { bufferManager } = gpu as unknown as { bufferManager: { getNumUsedBuffers(): number } };
    const forms = new KeptForms(gpu);
    const x = tensor(numbers(54 * 32, 1), [1, 9, 6, 32]);
    const before = bufferManager.getNumUsedBuffers();
    const filter = tensor(numbers(9 * 32 * 12, 2), [3, 3, 32, 12]);
    const one: Convolution = { x, filter, pad: [1, 1], outShape: [1, 9, 6, 12] };
    const used: number[] = [];
    const results: Float32Array[] = [];
    for (let use = 0; use < 3; use++) {
      const y = engine().makeTensorFromTensorInfo(winograd(gpu, forms, one, winogradVariants(gpu, one)[0]!));
      results.push((await y.data()) as Float32Array);
      y.dispose();
      used.push(bufferManager.getNumUsedBuffers() - before);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    // The images, the filter, and its transform.
    expect(used).toEqual([2, 3, 3]);
    filter.dispose();
    expect(bufferManager.getNumUsedBuffers() - before).toBe(1);
    x.dispose();
    forms.close();
  });

  test.each([
    { side: 64, allowsWinograd: true, first: 4 },
    { side: 63, allowsWinograd: true, first: undefined },
    { side: 64, allowsWinograd: false, first: undefined },
  ])('is the first choice for large maps where the option allows it: %o', async (one) => {
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const forms = new KeptForms(gpu);
    const { side, allowsWinograd, first } = one;
    const x = { dataId: {}, dtype: 'float32' as const, shape: [1, side, side, 64] };
    const filter = { ...x, shape: [3, 3, 64, 64] };
    let choices: { outputs?: number }[] = [];
    const tuner = {
      run: (_backend: object, _key: string, variants: typeof choices) => {
        choices = variants;
        return x;
      },
    } as unknown as Tuner;
    convolve(
      { backend: gpu, tuner, forms, allowsWinograd },
      { x, filter, pad: [1, 1], outShape: [1, side, side, 64] },
    );
    forms.close();
    expect(choices[0]!.outputs).toBe(first);
    expect(choices.some(({ outputs }) => outputs === 2)).toBe(allowsWinograd);
  });
});
