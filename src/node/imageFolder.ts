import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkArguments, TEXT } from '../base/arguments.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import { areParts, isIgnored, partOf } from '../base/setLayout.js';
import { IMAGE_FILES_OPTIONS } from '../data/imageFiles.js';
import { type ImageFile, type ImageFiles, type ImageFilesOptions, imageFiles } from '../data/index.js';
import { readImage } from './images.js';
import { because } from './writeFile.js';

/** Options of {@link imageFolder}. */
export interface ImageFolderOptions extends ImageFilesOptions {
  /** Images with more pixels are left out; default 100 million, which take 300 MB once decoded. */
  maxPixels?: number;
}

/**
 * The images of a folder with one subfolder per class, laid out as for torchvision's `ImageFolder`: `train/cats/1.jpg`,
 * `train/cats/young/2.png`, class names sorted. They are split into a training and a validation set, resized and scaled by
 * the weights' preprocessing, and augmented. A folder that is already split (`train/cats/1.jpg`, `val/cats/2.jpg`) keeps its split.
 *
 * Every file is decoded once on opening, a few at a time on sharp's own threads. A file that is not an image, damaged,
 * empty, unreadable or too large is left out and reported (`problems`, `onProblem`).
 *
 * @throws Error if the folder cannot be read; DataError if a class has no readable image; RangeError if an option is out
 *   of range; the signal's reason.
 * @example
 * const folder = await imageFolder('pets', { preprocessing: published.preprocessing, augment: { flip: 0.5 } });
 * await train(model, folder);
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFiles> {
  checkArguments('imageFolder', { path }, { path: TEXT });
  publishedOptionsOf('imageFolder', options, { ...IMAGE_FILES_OPTIONS, maxPixels: 1 });

  const { maxPixels, ...rest } = options;
  const top = await names(path).catch((error: unknown) => {
    throw new Error(`${path} could not be read: ${because(error)}`, { cause: error });
  });
  const files: ImageFile[] = [];
  const folders = await foldersIn(path, top);
  for (const name of top) await collect(join(path, name), name, files, maxPixels, new Set());
  if (folders.length === 0) {
    throw new Error(`${path} has no subfolders; pass a folder with one subfolder of images per class.`);
  }
  // Empty folders are classes too, and leave no trace among the files.
  const classNames = areParts(folders) ? await classesToLearn(path, folders) : folders;
  return imageFiles(files, {
    ...rest,
    classNames: rest.classNames ?? (classNames.length > 0 ? classNames.sort() : undefined),
  });
}

/** The classes of the training images of a data set that is already split. */
async function classesToLearn(path: string, folders: readonly string[]): Promise<string[]> {
  const train = folders.find((name) => partOf(name) === 'train');
  return train === undefined ? [] : foldersIn(join(path, train), await names(join(path, train)));
}

async function foldersIn(path: string, all: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    all.map((name) =>
      stat(join(path, name)).then(
        (one) => one.isDirectory(),
        () => false,
      ),
    ),
  );
  return all.filter((_, i) => found[i]);
}

/** Collects the images below a path. Links are followed, but a folder that contains itself is entered only once. */
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
  return (await readdir(folder)).filter((name) => !isIgnored(name));
}
