import { setBackend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { type ConvArch, scaleArch, VGG11, VGG16, VGG19, vgg } from '../../src/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers } from './compare.js';
import { convolution, error } from './float64.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

const SIZE = 64;

/** The logits of one image, summed in float64 from the first layer to the last. */
async function logits64(model: LayersModel, image: Float32Array): Promise<Float64Array> {
  let x: Float64Array = Float64Array.from(image);
  let [side, channels] = [SIZE, 3];
  for (const layer of model.layers) {
    const [kernel, bias] = await Promise.all(layer.getWeights().map((weight) => weight.data()));
    const shape = layer.getWeights()[0]?.shape ?? [];
    if (layer.getClassName() === 'Conv2D') {
      const outChannels = shape[3]!;
      const g = { batch: 1, height: side, width: side, inChannels: channels, outChannels };
      const rest = { rows: 3, columns: 3, stride: 1, top: 1, left: 1, outHeight: side, outWidth: side };
      x = convolution({ ...g, ...rest }, x, kernel!, bias, true);
      channels = outChannels;
    } else if (layer.getClassName() === 'MaxPooling2D') {
      x = maxPool(x, side, channels);
      side /= 2;
    } else if (layer.getClassName() === 'Dense') {
      const relu = layer !== model.layers.at(-1);
      const units = shape[1]!;
      const [from, weights] = [x, kernel!];
      x = Float64Array.from({ length: units }, (_, unit) => {
        const sum = from.reduce((sum, value, i) => sum + value * weights[i * units + unit]!, bias![unit]!);
        return relu ? Math.max(0, sum) : sum;
      });
    }
  }
  return x;
}

function maxPool(x: Float64Array, side: number, channels: number): Float64Array {
  const half = side / 2;
  return Float64Array.from({ length: half * half * channels }, (_, at) => {
    const [row, column, channel] = [
      Math.floor(at / channels / half),
      Math.floor(at / channels) % half,
      at % channels,
    ];
    const value = (i: number, j: number) => x[((2 * row + i) * side + 2 * column + j) * channels + channel]!;
    return Math.max(value(0, 0), value(0, 1), value(1, 0), value(1, 1));
  });
}

test.each<[string, ConvArch]>([
  ['VGG-11', VGG11],
  ['VGG-16', VGG16],
  ['VGG-19', VGG19],
])('the logits of %s, narrow but of full depth, are those of float64', async (_, arch) => {
  const model = vgg(scaleArch(arch, 4), {
    ...{ inputShape: [SIZE, SIZE, 3], hiddenUnits: 64, initializer: 'heUniform', seed: 3 },
  });
  const image = numbers(SIZE * SIZE * 3, 1);
  const x = tensor(image, [1, SIZE, SIZE, 3]);
  const expected = await logits64(model, image);
  // The second prediction takes the filters' transforms that are kept.
  for (let use = 0; use < 2; use++) {
    const y = model.predict(x) as Tensor;
    expect(error(await y.data(), expected)).toBeLessThan(1e-5);
    y.dispose();
  }
  x.dispose();
  model.dispose();
});
