import {
  add,
  dispose,
  keep,
  type Scalar,
  slice,
  type Tensor,
  tidy,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { hasKernel, runOwnKernel } from '../tfjs/kernels.js';
import { withTape } from '../tfjs/tape.js';
import { type Batch, disposeBatch } from './batch.js';
import { type Computed, keepResults, type Results } from './results.js';

/** Consecutive examples of a batch: `count` of them from `first` on. */
export interface BatchPart {
  first: number;
  count: number;
}

/** Divides a batch into as few parts as have at most `size` examples each, as evenly as possible, the larger ones first. */
export function partsOf(examples: number, size: number): BatchPart[] {
  const parts = Math.max(1, Math.ceil(examples / size));
  const [smaller, larger] = [Math.floor(examples / parts), examples % parts];
  return Array.from({ length: parts }, (_, i) => ({
    first: i * smaller + Math.min(i, larger),
    count: smaller + Number(i < larger),
  }));
}

/**
 * Computes the gradients of a batch part by part and adds them up, so that the activations of one part exist at a time.
 *
 * @param compute returns the results of a part; the losses of all parts add up to that of the batch.
 * @param hooks `prepare` is called with each part, and what it returns is disposed; `between` is awaited between two parts; if it
 *   rejects, so does this.
 * @returns the results of the batch, and the gradients by the names of the weights.
 */
export async function accumulate(
  batch: Batch,
  parts: readonly BatchPart[],
  weights: Variable[],
  compute: (part: Batch, place: BatchPart) => Computed,
  { prepare = (part) => part, between }: { prepare?: (part: Batch) => Batch; between: () => Promise<void> },
): Promise<Results & { gradients: Record<string, Tensor> }> {
  const sums: Record<string, Tensor> = {};
  try {
    for (const place of parts) {
      if (place.first > 0) await between();
      let part = slicesOf(batch, place);
      try {
        part = prepare(part);
        addTo(
          sums,
          withTape(() => partResults(() => compute(part, place), weights)),
        );
      } finally {
        disposeBatch(part);
      }
    }
    const { [LOSS]: loss, [CORRECT]: correct, ...gradients } = sums;
    return { loss: loss as Scalar, correct: correct as Scalar, gradients };
  } catch (error) {
    dispose(sums);
    throw error;
  }
}

/** What is added up beside gradients, by names that no weights have. */
const [LOSS, CORRECT] = ['/loss', '/correct'] as const;

function partResults(compute: () => Computed, weights: Variable[]): Record<string, Tensor> {
  const { loss, correct, grads } = keepResults(compute, (minimize) => {
    const { value: minimized, grads } = variableGrads(minimize, weights);
    return { minimized, grads };
  });
  return { ...grads, [LOSS]: loss, [CORRECT]: correct };
}

/** Adds terms to the sums of the same names, one after another, and disposes them. The first terms are the sums. */
function addTo(sums: Record<string, Tensor>, terms: Record<string, Tensor>): void {
  try {
    for (const [name, term] of Object.entries(terms)) {
      const sum = sums[name];
      sums[name] = keep(sum ? plus(sum, term) : term);
      if (sum) dispose([sum, term]);
    }
  } catch (error) {
    dispose(terms);
    throw error;
  }
}

/** The sum of two tensors, neither of which is used afterwards; in the memory of the first where the backend has a kernel for it. */
function plus(sum: Tensor, term: Tensor): Tensor {
  if (!hasKernel('SgdUpdate') || sum.dtype !== 'float32') return tidy(() => add(sum, term));
  return runOwnKernel('SgdUpdate', { weights: sum, gradient: term }, { rate: -1, decay: 0 });
}

function slicesOf({ xs, ys, weights, teacherLogits }: Batch, { first, count }: BatchPart): Batch {
  return {
    xs: slice(xs, first, count),
    ys: slice(ys, first, count),
    ...(weights && { weights: slice(weights, first, count) }),
    ...(teacherLogits && { teacherLogits: slice(teacherLogits, first, count) }),
  };
}
