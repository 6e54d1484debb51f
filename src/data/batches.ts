import { checkSeed, wholeNumber } from '../base/check.js';
import { seededRandom, shuffled } from '../base/random.js';

/** Which examples each batch holds: each once, in stored order or in one drawn from `seed`. */
export interface BatchOrder {
  /** Examples per batch; the last batch has the rest. */
  batchSize: number;
  /** Shuffles, a whole number from 0 to 2^32 - 1: the same seed gives the same order everywhere. Default: stored order. */
  seed?: number;
}

/**
 * The indices of each batch, in order.
 *
 * @throws RangeError when an option is out of its range.
 */
export function batchIndices(
  where: string,
  length: number,
  { batchSize, seed }: BatchOrder,
): (readonly number[])[] {
  wholeNumber(where, 'batchSize', batchSize);
  const order = seed === undefined ? undefined : shuffled(length, seededRandom(checkSeed(where, seed)));
  return Array.from({ length: Math.ceil(length / batchSize) }, (_, batch) => {
    const start = batch * batchSize;
    const count = Math.min(batchSize, length - start);
    return Array.from({ length: count }, (_, i) => order?.[start + i] ?? start + i);
  });
}

/**
 * Loads batches one after another, each while the one before is used. When the loop is left early, the running load is aborted
 * by its signal and awaited.
 *
 * @throws the error of `load`, or the signal's reason.
 */
export async function* prefetched<T>(
  batches: readonly (readonly number[])[],
  load: (indices: readonly number[], signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const begin = (indices: readonly number[] | undefined) => {
    const loading = indices && load(indices, stop.signal);
    // An error is thrown when its batch is asked for, which may be never.
    loading?.catch(() => {});
    return loading;
  };
  let next = begin(batches[0]);
  try {
    for (let i = 0; i < batches.length; i++) {
      const loaded = (await next) as T;
      signal?.throwIfAborted();
      next = begin(batches[i + 1]);
      yield loaded;
    }
  } finally {
    stop.abort();
    await next?.catch(() => {});
  }
}
