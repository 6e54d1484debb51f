import { type Tensor, type Tensor1D, tensor, tensor1d } from '@tensorflow/tfjs-core';
import { seededRandom } from '../../base/random.js';
import { type BatchOrder, batchIndices, prefetched } from '../../data/batches.js';
import type { RowStore } from './rowStore.js';

/** Features of examples that were computed once, as `train` and `evaluate` take them. */
export class FeatureSet {
  /** The examples of one pass, which an epoch has. */
  readonly length: number;
  /** The shape of an example's features. */
  readonly shape: readonly number[];
  readonly classNames?: readonly string[];
  readonly #store: RowStore;
  readonly #labels: Int32Array;
  readonly #passes: number;

  /** Made by `cacheFeatures`. */
  constructor(given: {
    store: RowStore;
    /** Of each row, pass after pass. */
    labels: Int32Array;
    passes: number;
    shape: readonly number[];
    classNames?: readonly string[];
  }) {
    this.length = given.labels.length / given.passes;
    this.shape = given.shape;
    if (given.classNames) this.classNames = given.classNames;
    this.#store = given.store;
    this.#labels = given.labels;
    this.#passes = given.passes;
  }

  /**
   * The features batch by batch, float32 `[batch, ...shape]` and int32 `[batch]`, which whoever takes a batch disposes. In stored
   * order, without augmentation; or in an order that `seed` draws, of a pass that it draws too.
   *
   * @throws RangeError, at once, when an option is out of its range.
   */
  batches(options: BatchOrder): AsyncGenerator<{ xs: Tensor; ys: Tensor1D }, void, undefined> {
    const { seed } = options;
    // The order has the seed's first stream of numbers, and is that of the examples themselves.
    const pass = seed === undefined ? 0 : seededRandom(seed, 1).below(this.#passes);
    return this.#run(batchIndices('FeatureSet', this.length, options), pass * this.length);
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

  /** Frees the memory or the file of the features. */
  async dispose(): Promise<void> {
    await this.#store.dispose();
  }
}
