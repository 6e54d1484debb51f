import { DataError } from '../io/errors.js';
import type { Part } from './part.js';

/** The classes of a set whose labels are to be replaced by their places. */
export interface LabelMapping {
  classNames: string[];
  /** The class of a label. */
  classOf: ReadonlyMap<number, number>;
}

/** Whether a file is one of EMNIST's, whose images are stored column by column. */
export function isEmnist(name: string): boolean {
  return /(?:^|[/\\])emnist-[^/\\]*$/i.test(name);
}

/** The name of the mapping beside a file of training images: `emnist-letters-mapping.txt`. */
export function mappingName(trainImages: string): string {
  return `${trainImages.replace(/^.*[/\\]/, '').replace(/-train[-.].*$/, '')}-mapping.txt`;
}

/**
 * Reads EMNIST's mapping: one line for each class, its label and the codes of its characters, such as `36 97`, or `1 65 97` where
 * upper and lower case are one class, which is named `Aa`.
 *
 * @throws DataError that names the line.
 */
export function parseMapping(text: string, name: string): LabelMapping {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const classNames: string[] = [];
  const classOf = new Map<number, number>();
  for (const [i, line] of lines.entries()) {
    if (line === '') continue;
    if (!/^\d+( \d{1,6})+$/.test(line)) {
      throw new DataError(
        name,
        'damaged',
        `line ${i + 1} is '${line.slice(0, 40)}' instead of a label and the codes of its characters, such as 36 97; get the file again.`,
      );
    }
    const [label, ...codes] = line.split(' ').map(Number) as [number, ...number[]];
    classOf.set(label, classNames.length);
    classNames.push(codes.map((code) => String.fromCodePoint(code)).join(''));
  }
  return { classNames, classOf };
}

/**
 * The labels by their places in the mapping.
 *
 * @throws DataError when a label is not in it.
 */
export function mapped({ name, dims, values }: Part, { classOf }: LabelMapping): Part {
  const stray = values.findIndex((label) => !classOf.has(label));
  if (stray >= 0) {
    const sentence = `label ${values[stray]} of image ${stray} is not in the mapping beside it; get both files again.`;
    throw new DataError(name, 'damaged', sentence);
  }
  return { name, dims, values: values.map((label) => classOf.get(label)!) };
}

/** Images that are stored column by column, row by row. */
export function transposed({ name, dims, values }: Part): Part {
  const [count, columns, rows] = dims as [number, number, number];
  const size = rows * columns;
  const upright = new Uint8Array(values.length);
  for (let start = 0; start < count * size; start += size) {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++) {
        upright[start + row * columns + column] = values[start + column * rows + row]!;
      }
    }
  }
  return { name, dims: [count, rows, columns], values: upright };
}
