import { hundredths } from '../base/numbers.js';

type Interval = readonly [from: number, to: number];

/** A linear scale from values to pixels, rounded to hundredths. */
export function linear([from, to]: Interval, [start, end]: Interval): (value: number) => number {
  return (value) => hundredths(start + ((value - from) / (to - from)) * (end - start));
}

/** A logarithmic scale from values to pixels: equal factors are equal distances. */
export function logarithmic([from, to]: Interval, pixels: Interval): (value: number) => number {
  const scale = linear([Math.log(from), Math.log(to)], pixels);
  return (value) => scale(Math.log(value));
}

/** A step of 1, 2 or 5 times a power of ten that divides `length` into at most `maximum` parts. */
export function tickStep(length: number, maximum: number): number {
  const power = 10 ** Math.floor(Math.log10(length / maximum || 1));
  return power * ([1, 2, 5, 10].find((multiple) => length / (multiple * power) <= maximum) ?? 10);
}

/** The values from `from` up to `to` at every `step`. */
export function ticks([from, to]: Interval, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step + 1e-9) + 1 }, (_, i) =>
    Number((from + i * step).toPrecision(6)),
  );
}

/** The powers of ten in an interval. */
export function powersOfTen([from, to]: Interval): number[] {
  const [first, last] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to))];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}
