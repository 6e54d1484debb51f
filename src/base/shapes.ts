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

/** A shape as text, whatever was given for it: `224x224x3`, but `[any, any, 3]` where a length is null, or joined by a separator. */
export function shapeText(shape: readonly (number | null)[], separator?: string): string {
  const lengths = shape.map((length) => (length === null ? 'any' : shown(length)));
  if (separator === undefined && shape.includes(null)) return `[${lengths.join(', ')}]`;
  return lengths.join(separator ?? 'x');
}
