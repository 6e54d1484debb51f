import { memory } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/** Computes something, and checks that no tensor stays behind. */
export async function leavingNothing<T>(compute: () => Promise<T>): Promise<T> {
  const before = memory().numTensors;
  const result = await compute();
  expect(memory().numTensors).toBe(before);
  return result;
}
