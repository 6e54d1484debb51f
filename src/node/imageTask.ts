import { resizedImage } from '../data/resizedImage.js';
import { type PreparedImage, prepareImage } from '../images/prepare.js';
import type { Preprocessing } from '../images/preprocessing.js';
import type { RgbImage } from '../images/rawImage.js';
import { decodedFrom } from './readImage.js';

/** What may be made of a file: an image that is resized for a preprocessing, or all that a network needs. */
interface Forms {
  resized: RgbImage;
  prepared: PreparedImage;
}

/** An image file, and what to make of it. */
export interface ImageTask<Form extends keyof Forms = keyof Forms> {
  path: string;
  form: Form;
  preprocessing: Preprocessing;
  maxPixels?: number;
}

export type ImageOf<Form extends keyof Forms = keyof Forms> = Forms[Form];

/** To a thread: a task, or without one the request to drop the task of that number. */
export interface ToThread {
  id: number;
  task?: ImageTask;
}

/** From a thread: the image of a task, or why there is none. */
export type FromThread = { id: number; image: ImageOf } | { id: number; error: Error };

/** Reads, decodes and prepares an image, on the thread that calls this and on sharp's own. */
export async function runImageTask<Form extends keyof Forms>(task: ImageTask<Form>): Promise<ImageOf<Form>>;
export async function runImageTask({ path, form, preprocessing, maxPixels }: ImageTask): Promise<ImageOf> {
  const image = await decodedFrom(path, maxPixels);
  return form === 'prepared' ? prepareImage(image, preprocessing) : resizedImage(path, image, preprocessing);
}
