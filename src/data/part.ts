import { DataError } from '../io/errors.js';
import { ImageSet } from './imageSet.js';

/** The images or the labels of a set, as an IDX file has them. */
export interface Part {
  /** Its file, for error messages. */
  name: string;
  /** `[count, height, width]`, or `[count]`. */
  dims: number[];
  values: Uint8Array;
}

/**
 * Images with their labels.
 *
 * @throws DataError when they do not fit each other or the classes.
 */
export function imageSet(images: Part, labels: Part, classNames: readonly string[]): ImageSet {
  const [count, height, width] = images.dims as [number, number, number];
  if (height === 0 || width === 0) {
    throw new DataError(images.name, 'damaged', `its images are ${height}x${width}; get the file again.`);
  }
  if (labels.values.length !== count) {
    throw new DataError(
      labels.name,
      'damaged',
      `it has ${labels.values.length} labels for the ${count} images of ${images.name}; get both files again.`,
    );
  }
  const stray = labels.values.findIndex((label) => label >= classNames.length);
  if (stray >= 0) {
    throw new DataError(
      labels.name,
      'damaged',
      `label ${labels.values[stray]} of image ${stray} is above ${classNames.length - 1}, the last of ${classNames.length} classes; get the file again, or load a set of more classes by idxImages.`,
    );
  }
  return new ImageSet({
    images: images.values,
    labels: labels.values,
    shape: [height, width, 1],
    classNames,
  });
}
