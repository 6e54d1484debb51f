import { BOOLEAN, optionsOf } from '../base/arguments.js';
import { checkSeed, wholeNumber } from '../base/check.js';
import { seededRandom, shuffled } from '../base/random.js';
import { beforeAbort } from '../base/unlessAborted.js';
import { checkBackend } from '../tfjs/backendReady.js';

/** The order of examples in batches, each once: the stored order, or one drawn from `seed`. */
export interface BatchOrder {
  /** Examples per batch; the last batch has the rest. */
  batchSize: number;
  /** Shuffles; a whole number from 0 to 2^32 - 1. The same seed gives the same order everywhere. Default: stored order. */
  seed?: number;
}

/** The names of the options of sets. */
const NAMES = { batchSize: 1, seed: 1, signal: 1, dropRemainder: BOOLEAN } as const;

/**
 * The indices of each batch, in order.
 *
 * @throws RangeError when an option is out of its range.
 */
export function batchIndices(where: string, length: number, options: BatchOrder): (readonly number[])[] {
  const { batchSize, seed } = optionsOf<BatchOrder & Partial<Record<keyof typeof NAMES, unknown>>>(
    where,
    options,
    NAMES,
  );
  wholeNumber(where, 'batchSize', batchSize);
  checkBackend(where);
  const order = seed === undefined ? undefined : shuffled(length, seededRandom(checkSeed(where, seed)));
  return Array.from({ length: Math.ceil(length / batchSize) }, (_, batch) => {
    const start = batch * batchSize;
    const count = Math.min(batchSize, length - start);
    return Array.from({ length: count }, (_, i) => order?.[start + i] ?? start + i);
  });
}

/**
 * Loads each batch while the previous one is in use. When the loop ends early, the pending load is aborted and awaited.
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
    // The error is thrown when the batch is requested, which may be never.
    loading?.catch(() => {});
    return loading;
  };
  let next = begin(batches[0]);
  try {
    for (let i = 0; i < batches.length; i++) {
      signal?.throwIfAborted();
      const loaded = (await beforeAbort(signal, () => next)) as T;
      next = begin(batches[i + 1]);
      yield loaded;
    }
  } finally {
    stop.abort();
    // What is read may never come.
    if (!signal?.aborted) await next?.catch(() => {});
  }
}
