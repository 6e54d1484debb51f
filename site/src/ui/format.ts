/** Bytes with one to three digits before the point: `531 MB`, `4.62 GB`. */
export function bytes(n: number): string {
  return scaled(n, 'B');
}

/** A count likewise: `7.61 G`, `138 M`. */
export function count(n: number): string {
  return scaled(n, '');
}

function scaled(n: number, unit: string): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  const power = n < 1000 ? 0 : Math.min(prefixes.length - 1, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${prefixes[power]}${unit}`.trim();
}

/** A loss, in powers of ten where training diverged and its digits would not fit. */
export function loss(value: number, digits: number): string {
  return value < 1e5 ? value.toFixed(digits) : value.toExponential(1).replace('+', '');
}

export function shape(sizes: readonly number[]): string {
  return sizes.join('×');
}
