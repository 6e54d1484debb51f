import { type Tensor1D, type Tensor4D, tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { seededRandom } from '../base/random.js';
import { messageOf } from '../base/realm.js';
import type { Preprocessing } from '../images/index.js';
import type { RgbImage } from '../images/pixels.js';
import { cropped, normalize } from '../images/preprocess.js';
import { type Augmentation, augmented } from './augment.js';
import { type BatchOrder, batchIndices, prefetched } from './batches.js';
import { inParallel } from './parallel.js';

/** A picture that could not be used, and why. */
export interface ImageProblem {
  path: string;
  /** One sentence that names the picture. */
  reason: string;
}

/** A picture of a set: resized by the preprocessing, in memory or read anew each time. */
export interface FileImage {
  path: string;
  label: number;
  kept?: RgbImage;
  /** Reads and resizes it. */
  load(): Promise<RgbImage>;
}

interface ImageFileSetOptions {
  entries: readonly FileImage[];
  classNames: readonly string[];
  preprocessing: Preprocessing;
  augment?: Augmentation;
  parallel: number;
  onProblem(problem: ImageProblem): void;
}

/** What {@link ImageFileSet.batches} is to do. */
export interface ImageFileBatchOptions extends BatchOrder {
  /** Draws order and augmentation, a whole number from 0 to 2^32 - 1. Without it: as stored, not augmented. */
  seed?: number;
  /** Stops between two batches, with the signal's reason as the error. */
  signal?: AbortSignal;
}

/**
 * Pictures from files, as `train`, `evaluate` and `cacheFeatures` take them. Those that fit into memory are kept as bytes, made
 * smaller already; the others are read again whenever their turn comes, while the batch before is trained on.
 */
export class ImageFileSet {
  readonly length: number;
  /** `[height, width, 3]` of a picture in batches. */
  readonly shape: readonly [height: number, width: number, channels: number];
  readonly classNames: readonly string[];
  /** The class of each picture, an index into `classNames`. */
  readonly labels: Int32Array;
  /** The path of each picture, as it was given. */
  readonly paths: readonly string[];
  readonly #given: ImageFileSetOptions;
  readonly #lost = new Set<number>();

  /** Made by `imageFiles` and `imageFolder`. */
  constructor(given: ImageFileSetOptions) {
    const { entries, classNames, preprocessing } = given;
    this.length = entries.length;
    this.shape = [preprocessing.crop, preprocessing.crop, 3];
    this.classNames = classNames;
    this.labels = Int32Array.from(entries, ({ label }) => label);
    this.paths = entries.map(({ path }) => path);
    this.#given = given;
  }

  /**
   * The pictures batch by batch, float32 `[batch, height, width, 3]` and int32 `[batch]`, which whoever takes a batch
   * disposes; a loop may stop at any batch and leaves nothing behind. The same seed gives the same batches, whatever is
   * kept in memory. A file that can no longer be read is reported, and another of its class stands in for it.
   *
   * @throws RangeError, at once, when an option is out of its range.
   */
  batches(options: ImageFileBatchOptions): AsyncGenerator<{ xs: Tensor4D; ys: Tensor1D }, void, undefined> {
    const batches = batchIndices('PictureSet', this.length, options);
    return this.#run(batches, options);
  }

  /**
   * Some of the pictures as bytes, in the form that `predictionSheet` takes.
   *
   * @param indices which, in order.
   */
  async images(indices: readonly number[]) {
    const [height, width] = this.shape;
    const images = new Uint8Array(indices.length * height * width * 3);
    await this.#each(indices, undefined, (bytes, row) => images.set(bytes, row * bytes.length));
    const { classNames } = this;
    return {
      images,
      labels: Int32Array.from(indices, (index) => this.labels[index]!),
      storedShape: this.shape,
      classNames,
    };
  }

  async *#run(batches: readonly (readonly number[])[], { seed, signal }: ImageFileBatchOptions) {
    const load = (indices: readonly number[], stop: AbortSignal) => this.#load(indices, seed, stop);
    for await (const { values, labels } of prefetched(batches, load, signal)) {
      yield { xs: tensor4d(values, [labels.length, ...this.shape]), ys: tensor1d(labels, 'int32') };
    }
  }

  async #load(indices: readonly number[], seed: number | undefined, signal: AbortSignal) {
    const [height, width] = this.shape;
    const size = height * width * 3;
    const values = new Float32Array(indices.length * size);
    const { preprocessing } = this.#given;
    const table = tableOf(preprocessing);
    const blue = preprocessing.channels === 'BGR' ? 2 : 0;
    await this.#each(
      indices,
      seed,
      (bytes, row) => {
        for (let i = 0, to = row * size; i < size; i += 3, to += 3) {
          values[to] = table[3 * bytes[i + blue]!]!;
          values[to + 1] = table[3 * bytes[i + 1]! + 1]!;
          values[to + 2] = table[3 * bytes[i + 2 - blue]! + 2]!;
        }
      },
      signal,
    );
    return { values, labels: Int32Array.from(indices, (index) => this.labels[index]!) };
  }

  /** The square of each picture, augmented where there is a seed. */
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
        const picture = await this.#picture(index);
        const bytes =
          augment && seed !== undefined
            ? augmented(picture, preprocessing, augment, seededRandom(seed, index))
            : cropped(picture, preprocessing.crop).data;
        use(bytes, row);
      },
      signal,
    );
  }

  /** The picture, or the next of its class that can be read. */
  async #picture(index: number): Promise<RgbImage> {
    const { entries, onProblem } = this.#given;
    for (let i = 0; i < entries.length; i++) {
      const at = (index + i) % entries.length;
      const { path, label, kept, load } = entries[at]!;
      if (label !== entries[index]!.label || this.#lost.has(at)) continue;
      try {
        return kept ?? (await load());
      } catch (error) {
        this.#lost.add(at);
        onProblem({
          path,
          reason: `${sentence(path, error)} Another picture of its class stands in for it.`,
        });
      }
    }
    return fail(
      'PictureSet',
      `no picture of the class '${this.classNames[entries[index]!.label]}' can be read any more; put the files back.`,
    );
  }
}

/** What an error says of a picture; browsers' own do not name it. */
export function sentence(path: string, error: unknown): string {
  const said = messageOf(error);
  return said.includes(path) ? said : `${path}: ${said}`;
}

/** What each byte of each channel becomes, `3 * byte + channel`. */
function tableOf(preprocessing: Preprocessing): Float32Array {
  const table = new Float32Array(3 * 256);
  normalize(
    Uint8Array.from(table, (_, i) => Math.floor(i / 3)),
    preprocessing,
    table,
  );
  return table;
}
