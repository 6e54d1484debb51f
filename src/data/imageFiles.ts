import { checkArguments, LIST } from '../base/arguments.js';
import { checkSeed, fail, numberThat, wholeNumber } from '../base/check.js';
import { inParallel } from '../base/parallel.js';
import type { Progress } from '../base/progress.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import { areParts, isIgnored, partOf, type SetPart } from '../base/setLayout.js';
import type { RawImage } from '../images/pixels.js';
import { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from '../images/preprocessing.js';
import { DataError } from '../io/errors.js';
import { type Augmentation, checkAugmentation } from './augment.js';
import { type FileImage, ImageFileSet, type ImageProblem, sentence } from './imageFileSet.js';
import { pixelsOf, resizedImage } from './resizedImage.js';
import { drawValidation } from './split.js';

/** An image file. */
export interface ImageFile {
  /**
   * Path inside the data set's folder, with `/`: the first part is the class (`cats/young/1.jpg`), or the second in a data set
   * that is already split (`train/cats/1.jpg`, `val/cats/2.jpg`).
   */
  path: string;
  /**
   * Decodes it, best off the main thread, as `createImageBitmap` in browsers and sharp in Node do.
   *
   * @param preprocessing what the image will be resized for, if it will: it may be resized for that already.
   */
  read(preprocessing?: Preprocessing): Promise<RawImage | ImageBitmap>;
}

/** Options of {@link imageFiles}. */
export interface ImageFilesOptions {
  /**
   * Preprocessing of the weights that the images are for: `published.preprocessing`, or that of an entry of `PUBLISHED`. Default
   * `PLAIN_PREPROCESSING`: RGB from 0 to 1, the middle of the image.
   */
  preprocessing?: Preprocessing;
  /**
   * Side of the square images. Default: the preprocessing's own, 224. At another size, `preprocessingAt` keeps the proportions.
   */
  size?: number;
  /**
   * Fraction of each class that is set aside for validation, 0 to 1. Default 0.2; a data set with a folder `val`, `valid` or
   * `validation` takes none.
   */
  validationFraction?: number;
  /** Seed of the validation split, 0 to 4294967295. Default 0. A file's draw depends on its path, not on other files. */
  seed?: number;
  /** Random changes of training images. Default: none. */
  augment?: Augmentation;
  /** The classes, in order; a file of any other is reported as a problem. Default: all classes found, sorted. */
  classNames?: readonly string[];
  /** Bytes of images kept in memory; the others are read again each time. Default 1 GiB: 4000 at 256x341. */
  maxBytes?: number;
  /** Images read at once; each may take up to 300 MB. Default 4; 16 for `imageFolder`, which decodes fewer at a time. */
  parallel?: number;
  /** Called for each file that is skipped. */
  onProblem?: (problem: ImageProblem) => void;
  /** Called after each file of the first pass; counts `'images'`. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops the first pass, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** The names of the options. */
export const IMAGE_FILES_OPTIONS: Readonly<Record<keyof ImageFilesOptions, 1>> = {
  preprocessing: 1,
  size: 1,
  validationFraction: 1,
  seed: 1,
  augment: 1,
  classNames: 1,
  maxBytes: 1,
  parallel: 1,
  onProblem: 1,
  onProgress: 1,
  signal: 1,
};

/** Labeled images, split into training and validation. */
export interface ImageFiles {
  /** Shuffled and augmented where a seed is passed, as `train` does. */
  trainSet: ImageFileSet;
  /** Never augmented: images are prepared as by `preprocess`. Empty with `validationFraction: 0`. */
  validationSet: ImageFileSet;
  /** The images of a folder `test` beside `train`, prepared like those for validation. */
  testSet?: ImageFileSet;
  classNames: readonly string[];
  /** Files that were skipped, and later those that could not be read again, by path. */
  problems: ImageProblem[];
}

/**
 * Reads images sorted into a folder for each class, like torchvision's `ImageFolder`, from any kind of files. A data set of folders
 * `train` and `val` (or `valid`, `validation`) or `test` keeps its split. Each file is decoded
 * once to check it, resized for the preprocessing, and kept in memory up to `maxBytes`. `imageFolder` of `vgg-blocks/node`
 * reads a folder on disk.
 *
 * @throws DataError when a class has no readable image; RangeError when an option is out of range; the signal's reason.
 * @example
 * // From <input type="file" webkitdirectory>, whose paths begin with the chosen folder:
 * const files = Array.from(input.files, (file) => ({
 *   path: file.webkitRelativePath.split('/').slice(1).join('/'),
 *   read: () => createImageBitmap(file),
 * }));
 * const { trainSet, validationSet } = await imageFiles(files, { preprocessing: published.preprocessing });
 */
export async function imageFiles(
  files: readonly ImageFile[],
  options: ImageFilesOptions = {},
): Promise<ImageFiles> {
  checkArguments('imageFiles', { files }, { files: LIST });
  publishedOptionsOf('imageFiles', options, IMAGE_FILES_OPTIONS);

  const { preprocessing: published = PLAIN_PREPROCESSING, size = published.crop } = options;
  const preprocessing = preprocessingAt(published, wholeNumber('imageFiles', 'size', size));
  const { validationFraction = 0.2, seed = 0, augment, maxBytes = 2 ** 30, parallel = 4 } = options;
  const isFraction = (n: number) => n >= 0 && n <= 1;
  numberThat('imageFiles', 'validationFraction', validationFraction, isFraction, 'from 0 to 1');
  checkSeed('imageFiles', seed);
  wholeNumber('imageFiles', 'maxBytes', maxBytes, 0);
  wholeNumber('imageFiles', 'parallel', parallel);
  if (augment) checkAugmentation('imageFiles', augment);
  const problems: ImageProblem[] = [];
  const report = async (problem: ImageProblem) => {
    problems.push(problem);
    problems.sort((a, b) => (a.path < b.path ? -1 : 1));
    await options.onProblem?.(problem);
  };

  const { classNames, known } = await sortOut(files, options.classNames, report);
  const hasOwn = (part: SetPart) => known.some((file) => file.part === part);
  if (options.validationFraction !== undefined && hasOwn('validation')) {
    fail(
      'imageFiles',
      `validationFraction is ${validationFraction}, but the images have a validation folder of their own; leave it out, or open the folders one by one.`,
    );
  }
  const entries = await openAll(known, preprocessing, { maxBytes, parallel, report, options });
  const learned = entries.filter(({ part }) => part === undefined || part === 'train');
  checkClasses(classNames, learned, problems);
  const drawn = new Set(
    classNames.flatMap((_, label) => {
      if (hasOwn('validation')) return [];
      const own = learned.filter((entry) => entry.label === label);
      return [
        ...drawValidation(
          own.map(({ path }) => path),
          validationFraction,
          seed,
        ),
      ].map((i) => own[i]!);
    }),
  );
  const setOf = (part: SetPart) =>
    new ImageFileSet({
      entries: entries.filter(
        (entry) => (drawn.has(entry) ? 'validation' : (entry.part ?? 'train')) === part,
      ),
      classNames,
      preprocessing,
      parallel,
      onProblem: report,
      ...(part === 'train' && { augment }),
    });
  const [trainSet, validationSet] = [setOf('train'), setOf('validation')];
  return { trainSet, validationSet, ...(hasOwn('test') && { testSet: setOf('test') }), classNames, problems };
}

/** A file whose class is known, and its part of the data set if that is already split. */
interface KnownFile {
  file: ImageFile;
  label: number;
  part?: SetPart;
}

/** The classes, and the files of each, ordered by class and path. */
async function sortOut(
  files: readonly ImageFile[],
  given: readonly string[] | undefined,
  report: (problem: ImageProblem) => Promise<void>,
): Promise<{ classNames: readonly string[]; known: KnownFile[] }> {
  const sorted = files
    .filter(({ path }) => !path.split('/').some(isIgnored))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const top = [...new Set(sorted.map(({ path }) => firstOf(path)))].filter((name) => name !== '');
  const isSplit = areParts(top) && !given?.some((name) => top.includes(name));
  if (isSplit) checkParts(sorted, top);
  const classOf = ({ path }: ImageFile) => firstOf(isSplit ? path.slice(path.indexOf('/') + 1) : path);
  const place = ({ path }: ImageFile) => (isSplit ? partOf(firstOf(path)) : undefined);
  const learned = sorted.filter((file) => !isSplit || place(file) === 'train');
  const classNames = given ?? [...new Set(learned.map(classOf))].filter((name) => name !== '').sort();
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const strays: ImageProblem[] = [];
  const known = sorted.flatMap((file): KnownFile[] => {
    const label = labels.get(classOf(file));
    const part = place(file);
    if (label !== undefined && (part || !isSplit)) return [{ file, label, ...(part && { part }) }];
    const where =
      classOf(file) === '' ? 'outside the folders of the classes' : 'in the folder of an unknown class';
    strays.push({ path: file.path, reason: `${file.path} is ${where}.` });
    return [];
  });
  for (const stray of strays) await report(stray);
  if (classNames.length === 0) {
    throw new DataError(
      'imageFiles',
      'missing',
      'there are no folders with images; use a folder with one folder for each class.',
    );
  }
  return { classNames, known: known.sort((a, b) => a.label - b.label) };
}

/** The first folder of a path; empty for a file outside all folders. */
function firstOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

/** Refuses parts without folders of classes, as some sets on Kaggle have them. */
function checkParts(files: readonly ImageFile[], folders: readonly string[]): void {
  const train = folders.find((folder) => partOf(folder) === 'train');
  if (train === undefined) {
    throw new DataError(
      `the folders ${folders.join(', ')}`,
      'missing',
      'there is no train folder beside them; use the folder that has it, or one of these alone.',
    );
  }
  if (files.some(({ path }) => firstOf(path) === train && path.split('/').length > 2)) return;
  throw new DataError(
    `the folder ${train}`,
    'missing',
    `its images are not in a folder for each class; move them, for instance to ${train}/cats and ${train}/dogs, since names of files and tables (CSV) are not read as classes.`,
  );
}

/** A decoded image, and its part of the data set if that is already split. */
interface PlacedImage extends FileImage {
  part?: SetPart;
}

/** Decodes every file once; those that fail are reported and skipped. */
async function openAll(
  files: readonly KnownFile[],
  preprocessing: Preprocessing,
  given: {
    maxBytes: number;
    parallel: number;
    report: (problem: ImageProblem) => Promise<void>;
    options: ImageFilesOptions;
  },
): Promise<PlacedImage[]> {
  const opened: (PlacedImage | undefined)[] = [];
  let bytes = 0;
  let done = 0;
  const { parallel, options, report } = given;
  await inParallel(
    files,
    parallel,
    async ({ file, label, part }, i) => {
      const { path } = file;
      const read = async () => pixelsOf(path, await file.read());
      const load = async () => resizedImage(path, await file.read(preprocessing), preprocessing);
      try {
        const image = await load();
        const fits = bytes + image.data.length <= given.maxBytes;
        if (fits) bytes += image.data.length;
        opened[i] = { path, label, part, read, load, ...(fits && { kept: image }) };
      } catch (error) {
        await report({ path, reason: sentence(path, error) });
      }
      await options.onProgress?.({ done: ++done, total: files.length, unit: 'images' });
    },
    options.signal,
  );
  return opened.filter((entry) => entry !== undefined);
}

function checkClasses(
  classNames: readonly string[],
  entries: readonly FileImage[],
  problems: readonly ImageProblem[],
): void {
  const has = new Set(entries.map(({ label }) => label));
  const empty = classNames.find((_, label) => !has.has(label));
  if (empty === undefined) return;
  const own = problems.filter(({ path }) => path.split('/').slice(0, 2).includes(empty));
  const why =
    own.length === 0
      ? 'its folder has no files'
      : `none of its ${own.length} files could be read (${own[0]!.reason})`;
  throw new DataError(`the class '${empty}'`, 'missing', `it has no images: ${why}; add some or remove it.`);
}
