import type { TrainRequest } from '../worker/training.js';
import type { Choice } from './choice.js';
import type { Run, SetChoice } from './runs.js';

/** Part of the learning rate with which a run goes on whose schedule has ended at 0. */
const LATER_RATE = 0.1;

/** The part of a choice that a stretch of training depends on. */
export function requestOf({ epochs, batchSize, optimizer, rate, cosine, seed }: Choice): TrainRequest {
  return { epochs, batchSize, optimizer, rate, cosine, seed };
}

/** How a run goes on. */
export type Way =
  /** The stretch that was interrupted, as it began. */
  | { kind: 'resume'; to: number }
  /** Another stretch: at a lower rate if the settings are those of the one that has ended, or else as chosen. */
  | { kind: 'later' | 'chosen'; request: TrainRequest };

/**
 * How a run goes on.
 *
 * @param images the set that is chosen; undefined while files of it are missing.
 */
export function wayOf({ stretch, ended, set }: Run, chosen: Choice, images: SetChoice | undefined): Way {
  const request = requestOf(chosen);
  const isSame =
    stretch !== undefined &&
    JSON.stringify(stretch.chosen) === JSON.stringify(request) &&
    (!images || JSON.stringify(images) === JSON.stringify(set));
  if (isSame && stretch.store && (ended === undefined || ended === 'aborted')) {
    return { kind: 'resume', to: stretch.before + stretch.request.epochs };
  }
  if (isSame && (request.cosine || ended === 'diverged')) {
    const rate = Number((request.rate * LATER_RATE).toPrecision(3));
    return { kind: 'later', request: { ...request, rate, cosine: false } };
  }
  return { kind: 'chosen', request };
}

/**
 * The settings of another stretch.
 *
 * @param before epochs that the run has been trained for, so that its images come in another order.
 */
export function stretchOf(request: TrainRequest, before: number): TrainRequest {
  return { ...request, seed: request.seed + before };
}
