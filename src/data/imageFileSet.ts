import { type Tensor1D, type Tensor4D, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { checkArguments, NUMBERS } from '../base/arguments.js';
import { fail, wholeNumber } from '../base/check.js';
import { crc32 } from '../base/crc32.js';
import { ownSequence } from '../base/ofCaller.js';
import { inParallel } from '../base/parallel.js';
import { seededRandom } from '../base/random.js';
import { messageOf } from '../base/realm.js';
import { centerCropped } from '../images/crop.js';
import { type Channels, channelsOf, valuesOf } from '../images/normalizer.js';
import type { RgbImage } from '../images/pixels.js';
import { depthOf, type Preprocessing } from '../images/preprocessing.js';
import { type Augmentation, augmented } from './augment.js';
import { type BatchOrder, batchIndices, prefetched } from './batches.js';
import { imagesOf, takesBytes, wholeWords } from './pixelBytes.js';

/** An image that could not be used, and why. */
export interface ImageProblem {
  path: string;
  /** One sentence that names the file. */
  reason: string;
}

/** An image of a set: resized for its preprocessing, kept in memory or read again each time. */
export interface FileImage {
  path: string;
  label: number;
  kept?: RgbImage;
  /** Reads it. */
  read(): Promise<RgbImage>;
  /** Reads and resizes it. */
  load(): Promise<RgbImage>;
}

/** Images whose pixels tell one set from another. */
const COMPARED = 32;

interface ImageFileSetOptions {
  entries: readonly FileImage[];
  classNames: readonly string[];
  preprocessing: Preprocessing;
  augment?: Augmentation;
  parallel: number;
  onProblem(problem: ImageProblem): Promise<void>;
}

/** Options of {@link ImageFileSet.batches}. */
export interface ImageFileBatchOptions extends BatchOrder {
  /** Seed of order and augmentation, a whole number from 0 to 2^32 - 1. Default: stored order, no augmentation. */
  seed?: number;
  /** Stops between two batches: the loop then throws the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Images from files, for `train`, `evaluate` and `cacheFeatures`. Those that fit in memory are kept as bytes, already resized;
 * the others are read again each time, while the previous batch is in use.
 */
export class ImageFileSet {
  readonly length: number;
  /** `[height, width, 3]` of the images in batches. */
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly classNames: readonly string[];
  /** The class of each image, an index into `classNames`. */
  readonly labels: Int32Array;
  /** The path of each image, as passed. */
  readonly paths: readonly string[];
  /** How images are prepared for batches. */
  readonly preprocessing: Preprocessing;
  readonly #given: ImageFileSetOptions;
  readonly #channels: Channels;
  readonly #lost = new Set<number>();

  /** For `imageFiles` and `imageFolder`, which create these sets. */
  constructor(given: ImageFileSetOptions) {
    const { entries, classNames, preprocessing } = given;
    this.length = entries.length;
    this.shape = [preprocessing.crop, preprocessing.crop, depthOf(preprocessing)];
    this.classNames = classNames;
    this.labels = Int32Array.from(entries, ({ label }) => label);
    this.paths = entries.map(({ path }) => path);
    this.preprocessing = preprocessing;
    this.#channels = channelsOf(preprocessing);
    this.#given = given;
  }

  /**
   * The images batch by batch, float32 `[batch, height, width, 3]` and int32 `[batch]`, which the caller disposes; a loop may
   * stop at any batch without leaking. The same seed gives the same batches, whatever is kept in memory. A file that can no
   * longer be read is reported and replaced by another of its class.
   *
   * @throws RangeError, at once, when an option is out of range.
   */
  batches(options: ImageFileBatchOptions): AsyncGenerator<{ xs: Tensor4D; ys: Tensor1D }, void, undefined> {
    const batches = batchIndices('ImageFileSet', this.length, options);
    return ownSequence(this.#run(batches, options));
  }

  /**
   * The images as they are in their files, in stored order, for `evaluateImages`. Each is read when the one before it is in use; a
   * file that can no longer be read is reported and left out.
   */
  async *originals(): AsyncGenerator<{ image: RgbImage; label: number; path: string }, void, undefined> {
    const { entries, onProblem } = this.#given;
    const load = async ([index]: readonly number[]) => {
      const { path, label, read } = entries[index!]!;
      try {
        return { image: await read(), label, path };
      } catch (error) {
        await onProblem({ path, reason: sentence(path, error) });
        return undefined;
      }
    };
    for await (const one of prefetched(
      [...entries.keys()].map((index) => [index]),
      load,
    ))
      if (one) yield one;
  }

  /**
   * Some of the images as bytes, for `predictionSheet`.
   *
   * @param indices the images, in order.
   */
  async images(indices: readonly number[]): Promise<{
    images: Uint8Array;
    labels: Int32Array;
    storedShape: ImageFileSet['shape'];
    classNames: readonly string[];
  }> {
    checkArguments('ImageFileSet', { indices }, { indices: NUMBERS });
    for (const index of indices) wholeNumber('ImageFileSet', 'an index', index, 0, this.length - 1);
    const [height, width] = this.shape;
    const images = new Uint8Array(indices.length * height * width * 3);
    await this.#each(indices, undefined, (bytes, row) => images.set(bytes, row * bytes.length));
    const labels = Int32Array.from(indices, (index) => this.labels[index]!);
    return { images, labels, storedShape: [height, width, 3], classNames: this.classNames };
  }

  /**
   * Names the content for checkpoints of training: the files' names with their folders, their labels, the pixels of the first
   * images, and how all are prepared. Pixels of the others are not compared, since that would read every file.
   */
  async fingerprint(): Promise<string> {
    const first = Array.from({ length: Math.min(this.length, COMPARED) }, (_, i) => i);
    const { images } = await this.images(first);
    const names = this.paths.map((path, i) => `${this.labels[i]} ${path.split(/[\\/]/).slice(-2).join('/')}`);
    const sums = [new TextEncoder().encode(names.join('\n')), images].map((bytes) => crc32(bytes));
    return JSON.stringify([sums, this.preprocessing, this.#given.augment]);
  }

  async *#run(batches: readonly (readonly number[])[], { seed, signal }: ImageFileBatchOptions) {
    const load = (indices: readonly number[], stop: AbortSignal) => this.#load(indices, seed, stop);
    for await (const { bytes, labels } of prefetched(batches, load, signal)) {
      yield { xs: this.#tensor(bytes, labels.length), ys: tensor1d(labels, 'int32') };
    }
  }

  async #load(indices: readonly number[], seed: number | undefined, signal: AbortSignal) {
    const [height, width, channels] = this.shape;
    const size = height * width * channels;
    const bytes = wholeWords(indices.length * size);
    await this.#each(
      indices,
      seed,
      (rgb, row) => this.#channels.pick(rgb, bytes.subarray(row * size, (row + 1) * size)),
      signal,
    );
    return { bytes, labels: Int32Array.from(indices, (index) => this.labels[index]!) };
  }

  /** Images from the bytes of their channels, which become numbers on the device where it can do that. */
  #tensor(bytes: Uint8Array, images: number): Tensor4D {
    const [height, width, channels] = this.shape;
    const shape = [images, height, width, channels] as const;
    const { values } = this.#channels;
    if (takesBytes()) return tidy(() => imagesOf(bytes, { shape, size: [height, width] }, values));
    const numbers = new Float32Array(images * height * width * channels);
    valuesOf(bytes, values, numbers);
    return tensor4d(numbers, [...shape]);
  }

  /** The square of each image, augmented if there is a seed. */
  async #each(
    indices: readonly number[],
    seed: number | undefined,
    use: (bytes: Uint8Array, row: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { preprocessing, augment, parallel } = this.#given;
    await inParallel(
      indices,
      parallel,
      async (index, row) => {
        const image = await this.#image(index);
        const bytes =
          augment && seed !== undefined
            ? augmented(image, preprocessing, augment, seededRandom(seed, index))
            : centerCropped(image, preprocessing.crop).data;
        use(bytes, row);
      },
      signal,
    );
  }

  /** The image, or the next of its class that can be read. */
  async #image(index: number): Promise<RgbImage> {
    const { entries, onProblem } = this.#given;
    for (let i = 0; i < entries.length; i++) {
      const at = (index + i) % entries.length;
      const { path, label, kept, load } = entries[at]!;
      if (label !== entries[index]!.label || this.#lost.has(at)) continue;
      try {
        return kept ?? (await load());
      } catch (error) {
        this.#lost.add(at);
        await onProblem({
          path,
          reason: `${sentence(path, error)} Another image of its class replaces it.`,
        });
      }
    }
    return fail(
      'ImageFileSet',
      `no image of the class '${this.classNames[entries[index]!.label]}' can be read any more; restore the files.`,
    );
  }
}

/** An error's message, with the path added if it is missing, as in browsers' own errors. */
export function sentence(path: string, error: unknown): string {
  const message = messageOf(error);
  return message.includes(path) ? message : `${path}: ${message}`;
}
