import { checkArguments, FUNCTION, isListOf, kind, type OptionNames, TEXTS } from '../base/arguments.js';
import { checkSeed, fail, MAX_SIDE, numberThat, wholeNumber } from '../base/check.js';
import { inParallel } from '../base/parallel.js';
import type { Progress } from '../base/progress.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import type { SetPart } from '../base/setLayout.js';
import { unlessAborted } from '../base/unlessAborted.js';
import {
  PLAIN_PREPROCESSING,
  type Preprocessing,
  preprocessingArgument,
  preprocessingAt,
} from '../images/preprocessing.js';
import { DataError } from '../io/errors.js';
import { type Augmentation, checkAugmentation } from './augment.js';
import { type FileImage, ImageFileSet, type ImageProblem, sentence } from './imageFileSet.js';
import { pixelsOf, resizedImage } from './resizedImage.js';
import { type ImageFile, type KnownFile, sortOut } from './sortedFiles.js';
import { drawValidation } from './split.js';

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

const FILES = kind('a list of files as { path, read }, with paths inside one folder', (value) =>
  isListOf(value, (file) => {
    const { path, read } = file as ImageFile;
    return typeof path === 'string' && !path.split('/').includes('..') && FUNCTION.holds(read);
  }),
);

/** The names of the options. */
export const IMAGE_FILES_OPTIONS: OptionNames<ImageFilesOptions> = {
  preprocessing: 1,
  size: 1,
  validationFraction: 1,
  seed: 1,
  augment: 1,
  classNames: TEXTS,
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
  return imageFilesFor('imageFiles', files, options);
}

/**
 * As `imageFiles`, for the function that error messages name.
 *
 * @param unreadable what is already known to be unreadable; the paths of folders end in `/`.
 */
export async function imageFilesFor(
  where: string,
  files: readonly ImageFile[],
  options: ImageFilesOptions,
  unreadable: readonly ImageProblem[] = [],
): Promise<ImageFiles> {
  checkArguments(where, { files }, { files: FILES });
  publishedOptionsOf(where, options, IMAGE_FILES_OPTIONS);

  const { preprocessing: published = PLAIN_PREPROCESSING } = options;
  preprocessingArgument(where, published);
  const { size = published.crop } = options;
  const preprocessing = preprocessingAt(published, wholeNumber(where, 'size', size, 1, MAX_SIDE));
  const { validationFraction = 0.2, seed = 0, augment, maxBytes = 2 ** 30, parallel = 4 } = options;
  const isFraction = (n: number) => n >= 0 && n <= 1;
  numberThat(where, 'validationFraction', validationFraction, isFraction, 'from 0 to 1');
  checkSeed(where, seed);
  wholeNumber(where, 'maxBytes', maxBytes, 0);
  wholeNumber(where, 'parallel', parallel);
  if (augment !== undefined) checkAugmentation(where, augment);
  const problems: ImageProblem[] = [];
  const report = async (problem: ImageProblem) => {
    problems.push(problem);
    problems.sort((a, b) => (a.path < b.path ? -1 : 1));
    await options.onProblem?.(problem);
  };
  // Later problems are not those of the pass that the signal stops.
  const reported = (problem: ImageProblem) => unlessAborted(options.signal, () => report(problem));

  for (const problem of unreadable) await reported(problem);
  const { classNames, known } = await sortOut(where, files, options.classNames, reported);
  const hasOwn = (part: SetPart) => known.some((file) => file.part === part);
  if (options.validationFraction !== undefined && hasOwn('validation')) {
    fail(
      where,
      `validationFraction is ${validationFraction}, but the images have a validation folder of their own; leave it out, or open the folders one by one.`,
    );
  }
  const entries = await openAll(known, preprocessing, { maxBytes, parallel, report: reported, options });
  const learned = entries.filter(({ part }) => part === undefined || part === 'train');
  checkClasses(where, classNames, learned, problems);
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
  const { signal } = options;
  await inParallel(
    files,
    parallel,
    async ({ file, label, part }, i) => {
      const { path } = file;
      const read = async () => pixelsOf(path, await file.read());
      const load = async () => resizedImage(path, await file.read(preprocessing), preprocessing);
      try {
        const image = await unlessAborted(signal, load);
        const fits = bytes + image.data.length <= given.maxBytes;
        if (fits) bytes += image.data.length;
        opened[i] = { path, label, part, read, load, ...(fits && { kept: image }) };
      } catch (error) {
        signal?.throwIfAborted();
        await report({ path, reason: sentence(path, error) });
      }
      const progress = { done: ++done, total: files.length, unit: 'images' } as const;
      await unlessAborted(signal, () => options.onProgress?.(progress));
    },
    signal,
  );
  return opened.filter((entry) => entry !== undefined);
}

function checkClasses(
  where: string,
  classNames: readonly string[],
  entries: readonly FileImage[],
  problems: readonly ImageProblem[],
): void {
  const has = new Set(entries.map(({ label }) => label));
  const empty = classNames.find((_, label) => !has.has(label));
  if (empty === undefined) return;
  const own = problems.filter(({ path }) => path.split('/').slice(0, 2).includes(empty));
  // The reason of a problem is a sentence that says what to do.
  const first = own[0]?.reason.replace(/\.?$/, '.');
  const fault =
    first === undefined
      ? 'its folder has no files; add some or remove it.'
      : own.length === 1
        ? first
        : `none of its ${own.length} files could be read; the first: ${first}`;
  throw new DataError(`the class '${empty}'`, 'missing', `it has no images: ${fault}`, undefined, where);
}
