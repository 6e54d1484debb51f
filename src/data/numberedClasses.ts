import { DataError } from '../io/errors.js';
import type { Part } from './part.js';

/**
 * Names for the classes of labels: the numbers from 0 to the largest.
 *
 * @throws DataError when most of them have no image, unless there are fewer images than that: a byte of 200 among labels up to 9
 *   would make a network of 201 classes.
 */
export function numberedClasses(parts: readonly Part[]): string[] {
  const found = new Set(parts.flatMap(({ values }) => [...new Set(values)]));
  const largest = Math.max(0, ...found);
  const images = parts.reduce((sum, { values }) => sum + values.length, 0);
  if (2 * found.size < largest && images > largest) {
    const { name, values } = parts.find((part) => part.values.includes(largest))!;
    throw new DataError(
      name,
      'damaged',
      `label ${largest} of image ${values.indexOf(largest)} makes ${largest + 1} classes, but the images have only ${found.size} of these labels; get the file again, or number the classes from 0 without gaps.`,
    );
  }
  return Array.from({ length: largest + 1 }, (_, i) => String(i));
}
