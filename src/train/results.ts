import { keep, type Scalar, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Batch } from './batch.js';
import type { Objective } from './objective.js';

/** What a step reports of a batch, or of a part of one. */
export interface Results {
  /** That of the labels. */
  loss: Scalar;
  /** How many examples were classified correctly. */
  correct: Scalar;
}

/** The results, and what is minimized, which is their loss unless there is a teacher. */
export interface Computed extends Results {
  minimized: Scalar;
}

/**
 * Computes a batch as in training.
 *
 * @param count that of the whole batch, for a part of one.
 */
export function computeBatch(
  { model, objective }: { model: LayersModel; objective: Objective },
  batch: Batch,
  count?: Scalar,
): Computed {
  const output = model.apply(batch.xs, { training: true }) as Tensor;
  const { loss, correct } = objective.measure(output, batch, count);
  const minimized = objective.labelsAlone ? loss : objective.loss(output, batch, count);
  return { minimized, loss, correct };
}

/**
 * Differentiates what is computed, and keeps the results.
 *
 * @param differentiate receives a function that returns what is minimized, and returns that with what it made of it.
 */
export function keepResults<T>(
  compute: () => Computed,
  differentiate: (minimize: () => Scalar) => T & { minimized: Scalar },
): T & Results {
  let kept: Results | undefined;
  try {
    const made = differentiate(() => {
      const { minimized, loss, correct } = compute();
      kept = { loss: keep(loss), correct: keep(correct) };
      return minimized;
    });
    if (made.minimized !== kept!.loss) made.minimized.dispose();
    return { ...made, ...kept! };
  } catch (error) {
    kept?.loss.dispose();
    kept?.correct.dispose();
    throw error;
  }
}
