import { getBackend } from '@tensorflow/tfjs-core';
import type { Settings } from './settings.js';
import type { Run } from './step.js';

/**
 * The error of a run that ran out of memory although its steps should have fitted.
 *
 * @param checkpoint the name of the last one, if there are checkpoints.
 */
export function outOfMemory(
  reason: string,
  { microBatchSize }: Run,
  { batchSize }: Settings,
  checkpoint: string | undefined,
): Error {
  const size = Math.min(microBatchSize, batchSize);
  const smaller = Math.max(1, Math.floor(size / 2));
  const way =
    checkpoint === undefined
      ? `pass microBatchSize: ${smaller}, or a smaller network`
      : `the last checkpoint is ${checkpoint}: go on with resume: true, microBatchSize: ${smaller} and allow: ['engine']`;
  return new RangeError(
    `train: a step of ${size} examples ran out of memory on the ${getBackend()} backend (${reason.replace(/\.$/, '')}); ${way}.`,
  );
}
