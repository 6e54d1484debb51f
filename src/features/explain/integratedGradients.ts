import { add, concat, dispose, grad, mul, sub, sum, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { breathing } from '../../base/breathing.js';
import { wholeNumber } from '../../base/check.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { held } from '../../tfjs/held.js';
import { withTape } from '../../tfjs/tape.js';
import type { BatchOptions } from './batches.js';
import { gaussLegendre } from './gaussLegendre.js';
import { numbersOf, type Subject } from './subject.js';

/** Gauss-Legendre quadrature needs far fewer. */
const MOST_STEPS = 10_000;

/** Options of integrated gradients. */
export interface IntegratedGradientsOptions extends BatchOptions {
  /** Points on the way at which the gradient is computed. Default 50. */
  steps?: number;
}

/**
 * Integrated gradients (Sundararajan et al. 2017, equation 1): the mean gradient on the straight way from a baseline to the
 * image, times their difference, summed over the channels of each pixel. The numbers add up to the difference of the two logits
 * (proposition 1). As in Captum, the integral is computed by Gauss-Legendre quadrature.
 *
 * @param baseline shaped like the image.
 * @returns `height * width` numbers, negative where a pixel speaks against the class.
 */
export async function integratedGradients(
  { where, x, score }: Subject,
  baseline: Tensor4D,
  { steps = 50, batchSize = 8, onProgress, signal }: IntegratedGradientsOptions,
): Promise<Float32Array> {
  wholeNumber(where, 'steps', steps, 1, MOST_STEPS);
  wholeNumber(where, 'batchSize', batchSize);
  const points = gaussLegendre(steps);
  const breathe = breathing();
  const slope = grad((images) => sum(score(images)));
  let total: Tensor = held(() => mul(x, 0));
  try {
    for (let from = 0; from < steps; from += batchSize) {
      await breathe();
      signal?.throwIfAborted();
      const some = points.slice(from, from + batchSize);
      const next = held(() => {
        const difference = sub(x, baseline);
        const onTheWay = concat(some.map(({ at }) => add(baseline, mul(difference, at))));
        const weights = some.map(({ weight }) => [[[weight]]]);
        return add(
          total,
          sum(
            mul(
              withTape(() => slope(onTheWay)),
              weights,
            ),
            0,
            true,
          ),
        );
      });
      dispose(total);
      total = next;
      const done = Math.min(steps, from + batchSize);
      await unlessAborted(signal, () => onProgress?.({ done, total: steps, unit: 'steps' }));
    }
    return await numbersOf(() => sum(mul(total, sub(x, baseline)), -1));
  } finally {
    dispose(total);
  }
}
