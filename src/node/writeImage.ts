import { extname } from 'node:path';
import type { RawImage } from '../images/index.js';
import { encodePng } from '../images/png.js';
import { writeFileAtomic } from './writeFile.js';

/**
 * Writes a picture of bytes, an overlay or a grid say, as a PNG file; folders that are missing are made.
 *
 * @throws Error, one sentence, when the path does not end in `.png` or cannot be written to.
 * @example await writeImage('cat.gradcam.png', await overlay(picture, map));
 */
export async function writeImage(path: string, image: RawImage): Promise<void> {
  if (extname(path).toLowerCase() !== '.png') {
    throw new Error(`${path} could not be written: PNG alone is; give a path that ends in .png.`);
  }
  await writeFileAtomic(path, await encodePng(image));
}
