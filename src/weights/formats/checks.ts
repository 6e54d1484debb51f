import { size } from '../../base/shapes.js';
import { WeightFileError } from './error.js';
import { MAX_ELEMENTS, MAX_NAME_LENGTH, MAX_RANK, MAX_TENSORS } from './limits.js';
import { BYTES_PER_ELEMENT, type Dtype } from './tensor.js';

/** A shape from a file, once it is known to be one. */
export function checkShape(file: string, tensor: string, shape: unknown): readonly number[] {
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor });
  if (!Array.isArray(shape) || shape.length > MAX_RANK) {
    throw fault(`its shape is no list of at most ${MAX_RANK} numbers; the file is damaged.`);
  }
  if (!shape.every((side) => Number.isSafeInteger(side) && side >= 0)) {
    throw fault('its shape has a side that is no whole number of at least 0; the file is damaged.');
  }
  // One factor at a time, because a product beyond 2^53 may round to something that looks harmless.
  let product = 1;
  for (const side of shape as number[]) {
    product *= side;
    if (product > MAX_ELEMENTS) {
      throw fault(
        `its shape ${shape.join('x')} has more than ${MAX_ELEMENTS} elements; no VGG has such a tensor.`,
      );
    }
  }
  return shape as number[];
}

/** A number type from a file, once it is known to be one that is read here. */
export function checkDtype(file: string, tensor: string, dtype: unknown): Dtype {
  if (typeof dtype === 'string' && Object.hasOwn(BYTES_PER_ELEMENT, dtype)) return dtype as Dtype;
  throw new WeightFileError(
    file,
    `its numbers are of type ${JSON.stringify(dtype)?.slice(0, 40)}; read are ${Object.keys(BYTES_PER_ELEMENT).join(', ')}.`,
    { tensor },
  );
}

/** Throws when a file holds more tensors than any VGG, or a name as long as a page. */
export function checkNames(file: string, names: readonly string[]): void {
  if (names.length > MAX_TENSORS) {
    throw new WeightFileError(file, `it holds ${names.length} tensors, and at most ${MAX_TENSORS} are read.`);
  }
  const long = names.find((name) => name.length > MAX_NAME_LENGTH);
  if (long !== undefined) {
    throw new WeightFileError(
      file,
      `its name has ${long.length} characters, and at most ${MAX_NAME_LENGTH} are read.`,
      { tensor: long },
    );
  }
}

/** Where a tensor's bytes lie. */
export interface Span {
  tensor: string;
  offset: number;
  length: number;
}

/** Throws when two tensors share bytes: no writer does that, and a small file could pretend to hold gigabytes. */
export function checkOverlaps(file: string, spans: readonly Span[]): void {
  const sorted = spans.filter(({ length }) => length > 0).sort((a, b) => a.offset - b.offset);
  sorted.forEach((span, i) => {
    const before = sorted[i - 1];
    if (before && before.offset + before.length > span.offset) {
      throw new WeightFileError(file, `it shares bytes with '${before.tensor}'; the file is damaged.`, {
        tensor: span.tensor,
      });
    }
  });
}

/** The row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => size(shape.slice(axis + 1)));
}
