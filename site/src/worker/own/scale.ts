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
  const mean = new Float32Array(rows[0]!.length);
  const variance = new Float32Array(mean.length);
  for (const row of rows) for (let i = 0; i < mean.length; i++) mean[i]! += row[i]! / rows.length;
  for (const row of rows) {
    for (let i = 0; i < mean.length; i++) variance[i]! += (row[i]! - mean[i]!) ** 2 / rows.length;
  }
  const usual = variance.reduce((sum, one) => sum + one / mean.length, 0);
  return { mean, deviation: variance.map((one) => Math.sqrt(one + usual) || 1) };
}

export function scaled(row: Float32Array, { mean, deviation }: Scale): Float32Array {
  return row.map((value, i) => (value - mean[i]!) / deviation[i]!);
}

/**
 * The last layer that says of features what the given one says of scaled ones. The mean becomes a bias, which Grad-CAM does not see: a
 * class that the bias favors would be seen nowhere. So all classes get so much of the mean's direction, which changes no probability,
 * that the mean speaks against none.
 */
export function unscaled({ kernel, bias }: OwnHead, { mean, deviation }: Scale): OwnHead {
  const classes = bias.length;
  const labels = Array.from(bias, (_, label) => label);
  const columns = labels.map((label) => deviation.map((one, i) => kernel[i * classes + label]! / one));
  const product = (column: Float32Array) => column.reduce((sum, value, i) => sum + value * mean[i]!, 0);
  const products = columns.map(product);
  const more = Math.max(0, -Math.min(...products)) / (product(mean) || 1);
  const folded = kernel.map((_, i) => {
    const feature = Math.floor(i / classes);
    return columns[i % classes]![feature]! + more * mean[feature]!;
  });
  return { kernel: folded, bias: bias.map((value, label) => value - products[label]!) };
}
