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
  const smaller = Math.floor(size / 2);
  let way = `pass microBatchSize: ${smaller}, or a smaller network`;
  if (smaller < 1) way = 'use a smaller network or smaller images';
  else if (checkpoint !== undefined) {
    way = `the last checkpoint is ${checkpoint}: go on with resume: true, microBatchSize: ${smaller} and allow: ['engine']`;
  }
  return new RangeError(
    `train: a step of ${size} examples ran out of memory on the ${getBackend()} backend (${reason.replace(/\.$/, '')}); ${way}.`,
  );
}
