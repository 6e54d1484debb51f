import { type Tensor, type Tensor1D, type Tensor2D, tensor, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { checkArguments, FLOATS, FUNCTION, kind, recordOf } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { crc32 } from '../../base/crc32.js';
import { ownSequence } from '../../base/ofCaller.js';
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

const ROW_STORE = recordOf('an object as { write, read, dispose }, all functions', {
  write: FUNCTION,
  read: FUNCTION,
  dispose: FUNCTION,
});

/** Storage of the caller's, which is checked, and so is what it reads. */
export function checkedRows(store: RowStore, { rowLength }: { rowLength: number }): RowStore {
  const checked = (name: string, value: unknown, allowed: typeof ROW_STORE) =>
    checkArguments('cacheFeatures', { [name]: value }, { [name]: allowed });
  checked('what overflow() returned', store, ROW_STORE);
  return {
    async write(first, rows) {
      await store.write(first, rows);
    },
    async read(rows) {
      const values = await store.read(rows);
      const count = rows.length * rowLength;
      const allowed = `a Float32Array of ${count} numbers, ${rowLength} for each of ${rows.length} rows`;
      const isWhole = (given: unknown) => FLOATS.holds(given) && (given as Float32Array).length === count;
      checked('what read() of overflow returned', values, kind(allowed, isWhole));
      return values;
    },
    async dispose() {
      await store.dispose();
    },
  };
}

/** What a teacher says of each row, pass by pass. */
export interface TeacherLogits {
  /** The teacher's name, which follows from its weights. */
  teacher: string;
  classes: number;
  values: Float32Array;
}

/** Features of examples, computed once, for `train` and `evaluate`. */
export class FeatureSet {
  /** Examples in one pass; an epoch is one pass. */
  readonly length: number;
  /** The shape of an example's features. */
  readonly shape: readonly number[];
  readonly classNames?: readonly string[];
  /** Names the teacher whose logits the batches have; none without one. */
  readonly teacher?: string;
  readonly #store: RowStore;
  readonly #checksum: number;
  readonly #labels: Int32Array;
  readonly #passes: number;
  readonly #teacherLogits?: TeacherLogits;
  #isDisposed = false;

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
    teacherLogits?: TeacherLogits;
  }) {
    this.length = given.labels.length / given.passes;
    this.shape = given.shape;
    if (given.classNames) this.classNames = given.classNames;
    if (given.teacherLogits) this.teacher = given.teacherLogits.teacher;
    this.#teacherLogits = given.teacherLogits;
    this.#store = given.store;
    this.#checksum = given.checksum;
    this.#labels = given.labels;
    this.#passes = given.passes;
  }

  /**
   * The features batch by batch, float32 `[batch, ...shape]` and int32 `[batch]`, and the logits of a teacher, if there is one,
   * float32 `[batch, classes]`, which the caller disposes. Without a seed: in
   * stored order, without augmentation. A `seed` draws the order, and which pass is used.
   *
   * @throws RangeError, at once, when an option is out of range, and when the features are disposed.
   */
  batches(
    options: BatchOrder,
  ): AsyncGenerator<{ xs: Tensor; ys: Tensor1D; teacherLogits?: Tensor2D }, void, undefined> {
    this.#checkInUse();
    const batches = batchIndices('FeatureSet', this.length, options);
    const { seed } = options;
    // A stream other than the order's, so the order stays that of the examples themselves.
    const pass = seed === undefined ? 0 : seededRandom(seed, 1).below(this.#passes);
    return ownSequence(this.#run(batches, pass * this.length));
  }

  /** Names the content for checkpoints of training: a checksum of all features, of their labels, and of a teacher's logits. */
  fingerprint(): string {
    const arrays = [this.#labels, ...(this.#teacherLogits ? [this.#teacherLogits.values] : [])];
    const sums = arrays.map(({ buffer }) => crc32(new Uint8Array(buffer)));
    return [this.#checksum, ...sums].map((sum) => sum.toString(16)).join();
  }

  async *#run(batches: readonly (readonly number[])[], first: number) {
    const load = async (indices: readonly number[]) => {
      const rows = indices.map((index) => first + index);
      this.#checkInUse();
      return { rows, values: await this.#store.read(rows) };
    };
    for await (const { rows, values } of prefetched(batches, load)) {
      yield {
        xs: tensor(values, [rows.length, ...this.shape]),
        ys: tensor1d(
          Int32Array.from(rows, (row) => this.#labels[row]!),
          'int32',
        ),
        ...(this.#teacherLogits && { teacherLogits: logitsOf(this.#teacherLogits, rows) }),
      };
    }
  }

  /** Frees the features' memory or file. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await this.#store.dispose();
  }

  #checkInUse(): void {
    if (this.#isDisposed) {
      fail(
        'FeatureSet',
        'the features are disposed; dispose them after their last use, or cache them again.',
      );
    }
  }
}

function logitsOf({ values, classes }: TeacherLogits, rows: readonly number[]): Tensor2D {
  const chosen = new Float32Array(rows.length * classes);
  for (const [i, row] of rows.entries()) {
    chosen.set(values.subarray(row * classes, (row + 1) * classes), i * classes);
  }
  return tensor2d(chosen, [rows.length, classes]);
}
