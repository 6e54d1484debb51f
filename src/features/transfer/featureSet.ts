import { type Tensor, type Tensor1D, tensor, tensor1d } from '@tensorflow/tfjs-core';
import { crc32 } from '../../base/crc32.js';
import { seededRandom } from '../../base/random.js';
import { type BatchOrder, batchIndices, prefetched } from '../../data/batches.js';

/** Storage for rows of float32 numbers, all of one length. */
export interface RowStore {
  /** Stores consecutive rows, `rowLength` numbers each, from row `first` on. */
  write(first: number, rows: Float32Array): Promise<void>;
  /** Reads rows, in the order of their numbers. */
  read(rows: readonly number[]): Promise<Float32Array>;
  /** Frees the storage. */
  dispose(): Promise<void>;
}

/** Opens storage for a number of rows; it rejects when there is not enough space. */
export type OpenRowStore = (size: { rows: number; rowLength: number }) => Promise<RowStore>;

/** Storage in memory. */
export const inMemory: OpenRowStore = async ({ rows, rowLength }) => {
  let all = new Float32Array(rows * rowLength);
  return {
    async write(first, values) {
      all.set(values, first * rowLength);
    },
    async read(wanted) {
      const values = new Float32Array(wanted.length * rowLength);
      wanted.forEach((row, i) => {
        values.set(all.subarray(row * rowLength, (row + 1) * rowLength), i * rowLength);
      });
      return values;
    },
    async dispose() {
      all = new Float32Array();
    },
  };
};

/** Features of examples, computed once, for `train` and `evaluate`. */
export class FeatureSet {
  /** Examples in one pass; an epoch is one pass. */
  readonly length: number;
  /** The shape of an example's features. */
  readonly shape: readonly number[];
  readonly classNames?: readonly string[];
  readonly #store: RowStore;
  readonly #checksum: number;
  readonly #labels: Int32Array;
  readonly #passes: number;

  /** For `cacheFeatures`, which creates these sets. */
  constructor(given: {
    store: RowStore;
    /** Of all that is stored. */
    checksum: number;
    /** Of each row, pass by pass. */
    labels: Int32Array;
    passes: number;
    shape: readonly number[];
    classNames?: readonly string[];
  }) {
    this.length = given.labels.length / given.passes;
    this.shape = given.shape;
    if (given.classNames) this.classNames = given.classNames;
    this.#store = given.store;
    this.#checksum = given.checksum;
    this.#labels = given.labels;
    this.#passes = given.passes;
  }

  /**
   * The features batch by batch, float32 `[batch, ...shape]` and int32 `[batch]`, which the caller disposes. Without a seed: in
   * stored order, without augmentation. A `seed` draws the order, and which pass is used.
   *
   * @throws RangeError, at once, when an option is out of range.
   */
  batches(options: BatchOrder): AsyncGenerator<{ xs: Tensor; ys: Tensor1D }, void, undefined> {
    const batches = batchIndices('FeatureSet', this.length, options);
    const { seed } = options;
    // A stream other than the order's, so the order stays that of the examples themselves.
    const pass = seed === undefined ? 0 : seededRandom(seed, 1).below(this.#passes);
    return this.#run(batches, pass * this.length);
  }

  /** Names the content for checkpoints of training: a checksum of all features, and of their labels. */
  fingerprint(): string {
    return [this.#checksum, crc32(new Uint8Array(this.#labels.buffer))].map((sum) => sum.toString(16)).join();
  }

  async *#run(batches: readonly (readonly number[])[], first: number) {
    const load = async (indices: readonly number[]) => {
      const rows = indices.map((index) => first + index);
      return { rows, values: await this.#store.read(rows) };
    };
    for await (const { rows, values } of prefetched(batches, load)) {
      yield {
        xs: tensor(values, [rows.length, ...this.shape]),
        ys: tensor1d(
          Int32Array.from(rows, (row) => this.#labels[row]!),
          'int32',
        ),
      };
    }
  }

  /** Frees the features' memory or file. */
  async dispose(): Promise<void> {
    await this.#store.dispose();
  }
}
