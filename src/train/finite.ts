import { addN, reshape, stack, sum, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isKnownFinite, knownFinite } from '../tfjs/finiteWeights.js';
import { floats } from '../tfjs/floats.js';
import { layersWithin } from '../tfjs/models.js';
import { onBackend } from '../tfjs/onBackend.js';

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
 * Throws if a weight is NaN or infinite. The outputs do not always show it: to the poolings of most backends, and to the ReLUs of some,
 * the larger of a number and NaN is the number. A sum of each layer's weights is far less work than a forward pass, and is taken once.
 */
export async function checkWeights(where: string, model: LayersModel): Promise<void> {
  const layers = layersWithin(model)
    .map((layer) => ({ name: layer.name, weights: layer.getWeights() }))
    .filter(({ weights }) => !weights.every(isKnownFinite));
  if (layers.length === 0) return;
  const sums = onBackend(where, () =>
    tidy(() => stack(layers.map(({ weights }) => addN(weights.map((weight) => sum(floats(weight))))))),
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
