import { median } from '../src/base/numbers.js';

/** A quantity that was measured several times. */
export interface Figure {
  median: number;
  minimum: number;
  maximum: number;
}

export function figureOf(values: readonly number[]): Figure {
  return { median: median(values), minimum: Math.min(...values), maximum: Math.max(...values) };
}

/** Three significant digits. */
export function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

/** `20.0 (10.0 to 30.0)` */
export function withSpread({ median, minimum, maximum }: Figure): string {
  return `${shown(median)} (${shown(minimum)} to ${shown(maximum)})`;
}
