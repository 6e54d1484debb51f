import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { COUNT, checkArguments } from '../base/arguments.js';
import { printedPath } from '../base/printable.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import { areParts, isIgnored, partOf } from '../base/setLayout.js';
import { IMAGE_FILES_OPTIONS, imageFilesFor } from '../data/imageFiles.js';
import type { ImageFile, ImageFiles, ImageFilesOptions, ImageProblem } from '../data/index.js';
import type { Preprocessing } from '../images/preprocessing.js';
import { imageTasks } from './imageThreads.js';
import { PATH } from './path.js';
import { readImage } from './readImage.js';
import { because } from './writeFile.js';

/** Images asked for at once: those in work on other threads, and those that have come back. */
const AHEAD = 16;

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
 * Every file is decoded once on opening, at most twelve at a time; where there are many, other threads resize them too. A file that is not an image, damaged,
 * empty, unreadable or too large is left out and reported (`problems`, `onProblem`).
 *
 * @throws Error if the folder cannot be read; DataError if a class has no readable image; RangeError if an option is out
 *   of range; the signal's reason.
 * @example
 * const folder = await imageFolder('pets', { preprocessing: published.preprocessing, augment: { flip: 0.5 } });
 * await train(model, folder);
 */
export async function imageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFiles> {
  checkArguments('imageFolder', { path }, { path: PATH });
  publishedOptionsOf('imageFolder', options, { ...IMAGE_FILES_OPTIONS, maxPixels: COUNT });

  const { maxPixels, ...rest } = options;
  const top = await names(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const found: Found = { files: [], problems: [] };
  const folders = await foldersIn(path, top);
  const within = new Set([await realpath(path)]);
  for (const name of top) await collect(join(path, name), name, found, within);
  const isSplit = areParts(folders);
  const lost = found.problems.find(({ path: at }) =>
    // What is left would be taken for all images; of a folder that lets nobody look at what is in it, nothing is.
    isSplit ? partOf(at.replace(/\/$/, '')) : folders.length === 0 && !at.includes('/'),
  );
  if (lost) throw new Error(lost.reason);
  if (folders.length === 0) {
    throw new Error(
      `${printedPath(path)} has no subfolders; pass a folder with one subfolder of images per class.`,
    );
  }
  // Empty folders are classes too, and leave no trace among the files.
  const classNames = isSplit ? await classesToLearn(path, folders) : folders;
  const tasks = imageTasks(found.files.length);
  const files = found.files.map(({ path, location }): ImageFile => {
    const read = (preprocessing?: Preprocessing) =>
      preprocessing
        ? tasks.run({ path: location, form: 'resized', preprocessing, maxPixels })
        : readImage(location, { maxPixels });
    return { path, read };
  });
  const all = {
    parallel: AHEAD,
    ...rest,
    classNames: rest.classNames ?? (classNames.length > 0 ? classNames.sort() : undefined),
  };
  return imageFilesFor('imageFolder', files, all, found.problems);
}

function unreadable(path: string, error: unknown): Error {
  return new Error(`${printedPath(path)} could not be read: ${because(error)}`, { cause: error });
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

/** What is inside the folder, with paths in the data set; those of folders that could not be read end in `/`. */
interface Found {
  files: { path: string; location: string }[];
  problems: ImageProblem[];
}

/** Collects the images below a path. Links are followed, but for those to a folder that they are in. */
async function collect(
  location: string,
  path: string,
  found: Found,
  above: ReadonlySet<string>,
): Promise<void> {
  let isFolder = false;
  try {
    isFolder = (await stat(location)).isDirectory();
    if (!isFolder) {
      found.files.push({ path, location });
      return;
    }
    const real = await realpath(location);
    if (above.has(real)) {
      throw new Error('it leads to a folder that it is in, whose images are read already; leave it out');
    }
    const within = new Set([...above, real]);
    for (const name of await names(location)) {
      await collect(join(location, name), `${path}/${name}`, found, within);
    }
  } catch (error) {
    found.problems.push({
      path: isFolder ? `${path}/` : path,
      reason: unreadable(location, error).message,
    });
  }
}

async function names(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !isIgnored(name));
}
