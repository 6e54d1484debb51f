import { shown } from './check.js';

/** The number of elements in a tensor of this shape. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Whether a shape matches the wanted one, where null stands for any size. */
export function fits(shape: readonly number[], wanted: readonly (number | null)[]): boolean {
  return (
    shape.length === wanted.length && wanted.every((length, i) => length === null || length === shape[i])
  );
}

/** A shape as text: `224x224x3`, with `any` for null, whatever was given for it. */
export function shapeText(shape: readonly (number | null)[], separator = 'x'): string {
  return shape.map((length) => (length === null ? 'any' : shown(length))).join(separator);
}
