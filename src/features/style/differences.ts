import { mean, mul, type Scalar, squaredDifference, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { checkArguments, NUMBERS, TENSOR } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { total } from '../../tfjs/total.js';

/** The weights of layers, 1 each by default. */
export function layerWeights(
  where: string,
  name: string,
  layers: readonly string[],
  weights: readonly number[] = layers.map(() => 1),
): readonly number[] {
  checkArguments(where, { [name]: weights }, { [name]: NUMBERS });
  if (weights.length !== layers.length || !weights.every(Number.isFinite)) {
    fail(where, `${name} are [${weights}] for the layers ${layers.join(', ')}; pass one number for each.`);
  }
  // A loss outlives the call, and an array of the caller's may be sent to another thread.
  return [...weights];
}

/** Throws unless two batches of images can be compared. */
export function sameShape(where: string, images: Tensor, others: Tensor): void {
  checkArguments(where, { images, others }, { images: TENSOR, others: TENSOR });
  if (images.shape.join() !== others.shape.join()) {
    fail(
      where,
      `the images have shape [${images.shape}] and the others [${others.shape}]; pass two batches of the same shape.`,
    );
  }
}

/** Weighted sum of the mean squared differences of pairs of tensors. */
export function weightedDifference(
  tensors: readonly Tensor[],
  others: readonly Tensor[],
  weights: readonly number[],
): Scalar {
  return tidy(
    () =>
      total(tensors.map((one, i) => mul(mean(squaredDifference(one, others[i]!)), weights[i]!))) as Scalar,
  );
}
