import { type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { noiseImages } from '../support/fixtures.js';

/** Noise of which each column is smaller than the one before it by a factor, as in fixtures/make_svd.py. */
export function shrinking(shape: [rows: number, columns: number], seed: number, factor: number): Tensor2D {
  const { data } = noiseImages(shape, seed);
  return tensor2d(
    data.map((value, i) => value * factor ** (i % shape[1])),
    shape,
  );
}
