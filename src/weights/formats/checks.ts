import { shown } from '../../base/check.js';
import { size } from '../../base/shapes.js';
import { WeightFileError } from './error.js';
import {
  MAX_ELEMENTS,
  MAX_HEADER_BYTES,
  MAX_NAME_LENGTH,
  MAX_RANK,
  MAX_TENSORS,
  MAX_UNPACKING_RATIO,
} from './limits.js';
import { BYTES_PER_ELEMENT, type Dtype, type StoredTensor } from './tensor.js';

/** Returns a shape from a file; throws a WeightFileError if it is not valid. */
export function checkShape(file: string, tensor: string, shape: unknown): readonly number[] {
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor });
  if (!Array.isArray(shape) || shape.length > MAX_RANK) {
    throw fault(`its shape is not a list of at most ${MAX_RANK} numbers; the file is damaged.`);
  }
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw fault('its shape has a length that is not a whole number of at least 0; the file is damaged.');
  }
  // One factor at a time, because a product beyond 2^53 may round to a harmless-looking number.
  let product = 1;
  for (const length of shape as number[]) {
    product *= length;
    if (product > MAX_ELEMENTS) {
      throw fault(
        `its shape ${shape.join('x')} has more than ${MAX_ELEMENTS} elements; no VGG has such a tensor.`,
      );
    }
  }
  return shape as number[];
}

/** Returns a number type from a file; throws a WeightFileError if it is not supported. */
export function checkDtype(file: string, tensor: string, dtype: unknown): Dtype {
  if (typeof dtype === 'string' && Object.hasOwn(BYTES_PER_ELEMENT, dtype)) return dtype as Dtype;
  throw new WeightFileError(
    file,
    `its number type is ${shown(dtype)}; save it in PyTorch as float32 (tensor.float()); supported types are ${Object.keys(BYTES_PER_ELEMENT).join(', ')}.`,
    { tensor },
  );
}

/** Throws if a file has too many tensors or a name is too long. */
export function checkNames(file: string, names: readonly string[]): void {
  if (names.length > MAX_TENSORS) {
    throw new WeightFileError(file, `it has ${names.length} tensors, more than the limit of ${MAX_TENSORS}.`);
  }
  const long = names.find((name) => name.length > MAX_NAME_LENGTH);
  if (long !== undefined) {
    throw new WeightFileError(
      file,
      `its name has ${long.length} characters, more than the limit of ${MAX_NAME_LENGTH}.`,
      { tensor: long },
    );
  }
}

/** The position of a tensor's bytes. */
export interface Span {
  tensor: string;
  offset: number;
  length: number;
}

/** Throws if two tensors share bytes: no writer does that, and a small file could claim to contain gigabytes. */
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

/** Throws unless the tensors' bytes follow one another from 0 to `size`, without a gap. They must not overlap. */
export function checkCoverage(file: string, spans: readonly Span[], size: number): void {
  let end = 0;
  for (const { tensor, offset, length } of [...spans].sort((a, b) => a.offset - b.offset)) {
    if (length === 0) continue;
    if (offset !== end) {
      throw new WeightFileError(
        file,
        `the ${offset - end} bytes before it belong to no tensor; the file is damaged, so get it again.`,
        { tensor },
      );
    }
    end += length;
  }
  if (end !== size) {
    throw new WeightFileError(
      file,
      `its last ${size - end} bytes belong to no tensor; it is damaged, so get it again.`,
    );
  }
}

/**
 * Throws if the tensors together would take far more memory than their file, whose tensors may share bytes (tied weights) or
 * be compressed. Every tensor counts as read, in the file's numbers or in float32, whichever takes more.
 *
 * @param fileBytes the length of the file, or of all files that have the tensors' bytes.
 */
export function checkTotal(
  file: string,
  tensors: readonly Pick<StoredTensor, 'dtype' | 'shape'>[],
  fileBytes: number,
): void {
  const bytes = tensors.reduce(
    (sum, { dtype, shape }) => sum + size(shape) * Math.max(BYTES_PER_ELEMENT[dtype], BYTES_PER_ELEMENT.F32),
    0,
  );
  if (bytes > MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * fileBytes) {
    throw new WeightFileError(
      file,
      `its ${tensors.length} tensors would take ${bytes} bytes, but the file has ${fileBytes}; save each tensor once, uncompressed.`,
    );
  }
}

/** The row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => size(shape.slice(axis + 1)));
}
