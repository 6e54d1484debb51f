import {
  _FusedMatMul,
  addN,
  fused,
  getBackend,
  getKernel,
  MaxPool,
  maxPool,
  ones,
  reshape,
  stack,
  sum,
  type Tensor,
  tensor4d,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isKnownFinite, knownFinite } from '../tfjs/finiteWeights.js';
import { floats } from '../tfjs/floats.js';
import { layersWithin } from '../tfjs/models.js';

/** Whether no number is NaN or infinite. */
export async function areFinite(tensors: readonly Tensor[]): Promise<boolean> {
  for (const tensor of tensors) {
    const values = await tensor.data();
    let sum = 0;
    // 0 for numbers; NaN for infinities. By index, which takes a quarter of the time that an iterator does.
    for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!;
    if (sum !== 0) return false;
  }
  return true;
}

/**
 * Throws if a weight is NaN or infinite. The outputs do not always show it: on some backends the larger of 0 and NaN is 0. A sum of each
 * layer's weights is far less work than a forward pass.
 */
export async function checkWeights(where: string, model: LayersModel): Promise<void> {
  const layers = layersWithin(model)
    .map((layer) => ({ name: layer.name, weights: layer.getWeights() }))
    .filter(({ weights }) => !weights.every(isKnownFinite));
  if (layers.length === 0) return;
  const sums = tidy(() =>
    stack(layers.map(({ weights }) => addN(weights.map((weight) => sum(floats(weight)))))),
  );
  const totals = await sums.data().finally(() => sums.dispose());
  for (const [i, { name, weights }] of layers.entries()) {
    // A sum may be infinite where no number is.
    if (!Number.isFinite(totals[i]) && !(await areFinite(weights))) {
      fail(
        where,
        `the weights of ${name} in ${model.name} are NaN or infinite; use a network that has not diverged.`,
      );
    }
    knownFinite(weights);
  }
}

/** Kernels that a network's ReLUs and poolings run in, and whether they lose NaN. */
let known: { kernels: unknown[]; lose: boolean } | undefined;

/** Whether the backend makes numbers of NaN, as TensorFlow.js's own kernels for wasm and cpu do where they take the larger of two. */
async function losesNaN(): Promise<boolean> {
  const kernels = [MaxPool, _FusedMatMul].map((name) => getKernel(name, getBackend())?.kernelFunc);
  if (known?.kernels.every((one, i) => one === kernels[i])) return known.lose;
  const y = tidy(() => {
    const x = tensor4d([Number.NaN, 1, 1, 1], [1, 2, 2, 1]);
    const row = reshape(x, [1, 4]);
    const dense = fused.matMul({ a: row, b: ones([4, 1]), bias: zeros([1]), activation: 'relu' });
    return stack([reshape(maxPool(x, 2, 2, 'valid'), [1]), reshape(dense, [1])]);
  });
  const numbers = await y.data().finally(() => y.dispose());
  known = { kernels, lose: !numbers.every(Number.isNaN) };
  return known.lose;
}

/** As `checkWeights`, but only where the outputs, which are looked at anyway, may not show it. */
export async function checkHiddenWeights(where: string, model: LayersModel): Promise<void> {
  if (await losesNaN()) await checkWeights(where, model);
}

/** A number of an image of a batch that is NaN or infinite. */
interface Stray {
  image: number;
  value: number;
}

/** The first such number, by a sum of each image; networks may lose it, as they may a weight that is NaN. */
export async function strayNumber(xs: Tensor): Promise<Stray | undefined> {
  if (xs.dtype !== 'float32') return undefined;
  const count = xs.shape[0]!;
  const sums = tidy(() => sum(reshape(xs, [count, -1]), 1));
  const totals = await sums.data().finally(() => sums.dispose());
  if (totals.every(Number.isFinite)) return undefined;
  const numbers = await xs.data();
  const at = numbers.findIndex((number) => !Number.isFinite(number));
  return at < 0 ? undefined : { image: Math.floor((at * count) / numbers.length), value: numbers[at]! };
}

/** What is said of a network whose weights and images are finite. */
export function overflow(model: LayersModel): string {
  return `${model.name} returns NaN or infinity for an image of finite numbers; use a network that has not diverged.`;
}
