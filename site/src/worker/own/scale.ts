import type { OwnHead } from './network.js';

/** What is subtracted from each feature, and what the rest is divided by. */
export interface Scale {
  mean: Float32Array;
  deviation: Float32Array;
}

/**
 * The scale of features, by which networks whose features are a hundred times smaller, or differ little from image to image, are
 * learned from as fast as others. To its own variance each feature adds the mean one, so that features that hardly change stay small.
 */
export function scaleOf(rows: readonly Float32Array[]): Scale {
  const { length } = rows[0]!;
  const mean = new Float32Array(length);
  const variance = new Float32Array(length);
  for (const row of rows) for (let i = 0; i < length; i++) mean[i]! += row[i]! / rows.length;
  for (const row of rows) {
    for (let i = 0; i < length; i++) variance[i]! += (row[i]! - mean[i]!) ** 2 / rows.length;
  }
  const usual = variance.reduce((sum, one) => sum + one / length, 0);
  return { mean, deviation: variance.map((one) => Math.sqrt(one + usual) || 1) };
}

export function scaled(row: Float32Array, { mean, deviation }: Scale): Float32Array {
  return row.map((value, i) => (value - mean[i]!) / deviation[i]!);
}

/** The last layer that says of features what the given one says of scaled ones. */
export function unscaled({ kernel, bias }: OwnHead, { mean, deviation }: Scale): OwnHead {
  const classes = bias.length;
  const folded = kernel.map((value, i) => value / deviation[Math.floor(i / classes)]!);
  const moved = Float64Array.from(bias);
  folded.forEach((value, i) => {
    moved[i % classes]! -= value * mean[Math.floor(i / classes)]!;
  });
  return { kernel: folded, bias: Float32Array.from(moved) };
}
