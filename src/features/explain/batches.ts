import { concat, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { breathing } from '../../base/breathing.js';
import { wholeNumber } from '../../base/check.js';
import type { Progress } from '../../base/progress.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { numbersOf, type Subject } from './subject.js';

/** Options of what computes a network's output for many versions of an image. */
export interface BatchOptions {
  /** Images per forward pass. More need more memory. Default 8. */
  batchSize?: number;
  /** Receives the number of images computed. */
  onProgress?: (progress: Progress) => void;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Numbers of each of many versions of an image, computed in batches.
 *
 * @param version makes one of them, shaped like the image; its tensors are freed.
 * @param output the numbers of a batch, such as its scores.
 * @returns those of all versions, in order.
 */
export async function ofVersions(
  { where, x }: Subject,
  count: number,
  version: (index: number, x: Tensor4D) => Tensor,
  output: (images: Tensor) => Tensor,
  { batchSize = 8, onProgress, signal }: BatchOptions,
): Promise<Float32Array> {
  wholeNumber(where, 'batchSize', batchSize);
  const parts: Float32Array[] = [];
  const breathe = breathing();
  for (let from = 0; from < count; from += batchSize) {
    await breathe();
    signal?.throwIfAborted();
    const to = Math.min(count, from + batchSize);
    const indices = Array.from({ length: to - from }, (_, i) => from + i);
    parts.push(await numbersOf(() => output(tidy(() => concat(indices.map((i) => version(i, x)))))));
    await unlessAborted(signal, () => onProgress?.({ done: to, total: count, unit: 'images' }));
  }
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
