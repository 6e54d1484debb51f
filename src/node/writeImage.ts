import { checkArguments, PIXELS } from '../base/arguments.js';
import { printedPath } from '../base/printable.js';
import type { RawImage } from '../images/pixels.js';
import { encodedPng } from '../images/png.js';
import { PATH } from './path.js';
import { writeFileAtomic } from './writeFile.js';

/**
 * Writes an image, such as an overlay or a grid, as a PNG file; missing folders are created.
 *
 * @throws Error, one sentence, if the path does not end in `.png` or cannot be written to.
 * @example await writeImage('cat.gradcam.png', await overlay(image, map));
 */
export async function writeImage(path: string, image: RawImage): Promise<void> {
  checkArguments('writeImage', { path, image }, { path: PATH, image: PIXELS });

  if (!path.toLowerCase().endsWith('.png')) {
    throw new Error(
      `${printedPath(path)} could not be written: only PNG is supported; use a path that ends in .png.`,
    );
  }
  await writeFileAtomic(path, await encodedPng('writeImage', image));
}
