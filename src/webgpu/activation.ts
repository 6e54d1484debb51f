/** What follows a product or a convolution: an activation that tfjs fuses, with the slope of a leaky ReLU. */
export type Activation = 'linear' | 'relu' | 'relu6' | 'elu' | 'sigmoid' | `leakyrelu ${number}`;

/**
 * The activation of a fused kernel of tfjs; undefined for one that is left to the backend, such as a leaky ReLU whose slope is not
 * finite, which WGSL cannot write.
 */
export function activationOf({
  activation = 'linear',
  leakyreluAlpha = 0,
}: {
  activation?: string;
  leakyreluAlpha?: number;
}): Activation | undefined {
  if (activation === 'leakyrelu') {
    const slope = Math.fround(leakyreluAlpha);
    return Number.isFinite(slope) ? `leakyrelu ${slope}` : undefined;
  }
  return Object.hasOwn(CODES, activation) ? (activation as keyof typeof CODES) : undefined;
}

/** WGSL from `y` and the name of its type. NaN stays. */
const CODES = {
  linear: (y: string) => y,
  relu: (y: string, type: string) => `select(${y}, ${type}(), ${y} < ${type}())`,
  relu6: (y: string, type: string) =>
    `select(select(${y}, ${type}(), ${y} < ${type}()), ${type}(6.0), ${y} > ${type}(6.0))`,
  elu: (y: string, type: string) => `select(exp(${y}) - 1.0, ${y}, ${y} >= ${type}())`,
  sigmoid: (y: string) => `1.0 / (1.0 + exp(-${y}))`,
};

/** WGSL of an activation of `y`, an `f32` or, of type `type`, a vector. */
export function activated(activation: Activation, y: string, type: string): string {
  if (!activation.startsWith('leakyrelu')) return CODES[activation as keyof typeof CODES](y, type);
  // With an exponent, as WGSL takes digits alone for a whole number of 64 bits.
  const slope = Number(activation.split(' ')[1]).toExponential();
  return `select(${y}, ${y} * f32(${slope}), ${y} < ${type}())`;
}
