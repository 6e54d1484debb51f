import { getBackend } from '@tensorflow/tfjs-core';
import type { Training } from './training.js';

/** The error of a run that ran out of memory although its steps should have fitted. */
export function outOfMemory(reason: string, { run, settings, checkpoints }: Training): Error {
  const checkpoint = checkpoints?.newest;
  const size = Math.min(run.microBatchSize, settings.batchSize);
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
