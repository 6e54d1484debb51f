import {
  add,
  conv2d,
  dispose,
  grads,
  matMul,
  memory,
  mul,
  reshape,
  setBackend,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { type ConvArch, scaleArch, VGG11, VGG16, VGG19, vgg } from '../../src/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers } from './compare.js';
import { error } from './float64.js';
import { gradients64, run64, type Step } from './network64.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

const CLASSES = 10;

const narrow = (arch: ConvArch, side: number) =>
  vgg(scaleArch(arch, 4), {
    ...{ inputShape: [side, side, 3], classes: CLASSES },
    ...{ hiddenUnits: 64, initializer: 'heUniform', seed: 3 },
  });

/**
 * The gradients of `Σ dy · logits` by our kernels, with the choices that ReLUs and poolings made in float64. Where an
 * input of a ReLU is nearly 0, or two of a pooling are nearly equal, float32's rounding may choose otherwise, and the
 * gradient that follows is another one.
 */
function gradients(model: LayersModel, image: Tensor, dy: Tensor, steps: Step[]): Map<string, Tensor> {
  const weights = steps.flatMap(({ name, kind }) =>
    kind === 'MaxPooling2D'
      ? []
      : model
          .getLayer(name)
          .getWeights()
          .map((value, i) => ({ name: `${name}/${i === 0 ? 'kernel' : 'bias'}`, value })),
  );
  const objective = (x: Tensor, ...values: Tensor[]) => {
    const value = (name: string) => values[weights.findIndex((weight) => weight.name === name)]!;
    for (const { name, kind, chosen } of steps) {
      const choose = (y: Tensor) => mul(y, tensor(chosen, y.shape));
      if (kind === 'MaxPooling2D') {
        const [, side, , channels] = x.shape as [number, number, number, number];
        const windows = [1, side / 2, 2, side / 2, 2, channels];
        x = sum(reshape(choose(x), windows), [2, 4]);
        continue;
      }
      const [kernel, bias] = [value(`${name}/kernel`), value(`${name}/bias`)];
      const product =
        kind === 'Conv2D'
          ? conv2d(x as Tensor4D, kernel as Tensor4D, 1, 'same')
          : matMul(reshape(x, [1, -1]), kernel);
      x = choose(add(product, bias));
    }
    return sum(mul(x, dy));
  };
  const all = grads(objective)([image, ...weights.map(({ value }) => value)]);
  return new Map(['image', ...weights.map(({ name }) => name)].map((name, i) => [name, all[i]!]));
}

test.each<[string, ConvArch]>([
  ['VGG-11', VGG11],
  ['VGG-16', VGG16],
  ['VGG-19', VGG19],
])('the logits of %s, narrow but of full depth, are those of float64', async (_, arch) => {
  const model = narrow(arch, 64);
  const image = numbers(64 * 64 * 3, 1);
  const x = tensor(image, [1, 64, 64, 3]);
  const expected = (await run64(model, image)).at(-1)!.output;
  // The second prediction takes the filters' transforms that are kept.
  for (let use = 0; use < 2; use++) {
    const y = model.predict(x) as Tensor;
    expect(error(await y.data(), expected)).toBeLessThan(1e-5);
    y.dispose();
  }
  x.dispose();
  model.dispose();
});

test.each<[string, ConvArch]>([
  ['VGG-16', VGG16],
  ['VGG-19', VGG19],
])('the gradients of %s are those of float64 where ReLUs and poolings choose the same', async (_, arch) => {
  const model = narrow(arch, 32);
  const [image, dy] = [numbers(32 * 32 * 3, 1), numbers(CLASSES, 2)];
  const steps = await run64(model, image);
  const expected = gradients64(steps, dy);
  const before = memory().numTensors;
  const [x, direction] = [tensor(image, [1, 32, 32, 3]), tensor(dy, [1, CLASSES])];
  const actual = gradients(model, x, direction, steps);
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, gradient] of actual) {
    expect(error(await gradient.data(), expected.get(name)!), name).toBeLessThan(2e-5);
  }
  dispose([x, direction, ...actual.values()]);
  expect(memory().numTensors).toBe(before);
  model.dispose();
});
