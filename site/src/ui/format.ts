/** Bytes with one to three digits before the point, on one line with their unit: `531 MB`, `4.62 GB`. */
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
  return `${value.toFixed(digits)}\u00a0${prefixes[power]}${unit}`.trim();
}

/** A loss, in powers of ten where training diverged and its digits would not fit. */
export function loss(value: number, digits: number): string {
  return value < 1e5 ? value.toFixed(digits) : value.toExponential(1).replace('+', '');
}

/** A number short enough for its place, in powers of ten where training diverged. */
export function digits(value: number, after = 2): string {
  const size = Math.abs(value);
  const text =
    size < 1e4 ? value.toFixed(size < 100 ? after : 0) : value.toExponential(after - 1).replace('+', '');
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '\u2212');
}

/** A number with its sign, and with a digit more than in the grids: parts of a sum may be small. */
export function signed(value: number): string {
  const text = digits(value, 3);
  return text.startsWith('\u2212') ? text : `+${text}`;
}

export function shape(sizes: readonly number[]): string {
  return sizes.join('×');
}
