import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageFile, type ImageFiles, type ImageFilesOptions, imageFiles } from '../data/index.js';
import { readImage } from './readImage.js';
import { because } from './writeFile.js';

/** Options of {@link imageFolder}. */
export interface ImageFolderOptions extends ImageFilesOptions {
  /** Pictures with more pixels than this are left out; default 100 million, 300 MB once they are decoded. */
  maxPixels?: number;
}

/** What file managers leave behind. Names that begin with a dot are passed over too. */
const NO_PICTURES = /^(\.|__MACOSX$|Thumbs\.db$|desktop\.ini$)/i;

/**
 * The pictures of a folder that has a folder for each class, as torchvision's `ImageFolder` takes it: `train/cats/1.jpg`, also
 * `train/cats/young/2.png`, the class names sorted. They are split for training and validation, resized and scaled by the
 * recipe of the weights, and augmented.
 *
 * Every file is decoded once on opening, a few at a time on sharp's own threads. What is no picture, damaged, empty,
 * animated, not allowed to be read or too large is left out and told (`problems`, `onProblem`).
 *
 * @throws Error when the folder cannot be read; DataError when a class has no picture that can be read; RangeError when an
 *   option is out of range; the signal's reason.
 * @example
 * const folder = await imageFolder('pets', { preprocessing: published.preprocessing, augment: { flip: 0.5 } });
 * await train(model, { train: folder.train, test: folder.validation });
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFiles> {
  const { maxPixels, ...rest } = options;
  const top = await names(path).catch((error: unknown) => {
    throw new Error(`${path} could not be read: ${because(error)}`, { cause: error });
  });
  const files: ImageFile[] = [];
  const classNames: string[] = [];
  for (const name of top) {
    const folder = await stat(join(path, name)).catch(() => undefined);
    if (folder?.isDirectory()) classNames.push(name);
    await collect(join(path, name), name, files, maxPixels, new Set());
  }
  if (classNames.length === 0) {
    throw new Error(`${path} has no folders; give a folder that has one with pictures for each class.`);
  }
  // Empty folders are classes too, of which the files alone would not tell.
  return imageFiles(files, { ...rest, classNames: rest.classNames ?? classNames.sort() });
}

/** Adds the pictures below a path; links are followed, and a folder that contains itself is entered once. */
async function collect(
  location: string,
  path: string,
  files: ImageFile[],
  maxPixels: number | undefined,
  above: ReadonlySet<string>,
): Promise<void> {
  try {
    if (!(await stat(location)).isDirectory()) {
      files.push({ path, read: () => readImage(location, { maxPixels }) });
      return;
    }
    const real = await realpath(location);
    if (above.has(real)) return;
    const within = new Set([...above, real]);
    for (const name of await names(location)) {
      await collect(join(location, name), `${path}/${name}`, files, maxPixels, within);
    }
  } catch (error) {
    const read = async () => {
      throw new Error(`${location} could not be read: ${because(error)}`, { cause: error });
    };
    files.push({ path: path.includes('/') ? path : `${path}/`, read });
  }
}

async function names(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !NO_PICTURES.test(name));
}
