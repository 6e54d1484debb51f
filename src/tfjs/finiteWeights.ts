import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * The data of weights whose numbers were seen to be finite, so that nobody looks at them twice. Other numbers come with other data, but
 * for those that a step of training writes in place.
 */
const finite = new WeakSet<object>();

export const isKnownFinite = ({ dataId }: Tensor): boolean => finite.has(dataId);

export function knownFinite(weights: readonly Tensor[]): void {
  for (const { dataId } of weights) finite.add(dataId);
}

/** Must be called of weights whose numbers change in place. */
export function changedInPlace(weights: readonly Tensor[]): void {
  for (const { dataId } of weights) finite.delete(dataId);
}
