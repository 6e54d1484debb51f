import { checkArguments, NUMBERS, optionsOf, SOURCE, TEXT } from '../../base/arguments.js';
import { fail, shown, wholeNumber } from '../../base/check.js';
import { encodeTensors, readTensors, type Source, type WeightFileOptions } from '../../weights/index.js';
import { WEIGHT_FILE_OPTIONS } from '../../weights/tensors.js';
import { largest } from './largest.js';

/** The most numbers of a vector; `relu1_1` of VGG-16, the largest layer, has 3.2 million at 224x224. */
const MAX_DIMENSIONS = 2 ** 22;

/** A search result. */
export interface Neighbor {
  id: string;
  /** Cosine of the angle to the query, from -1 to 1. */
  similarity: number;
}

/**
 * An exact nearest-neighbor index of named vectors. A search compares all of them; docs/perceptual.md has measurements, and
 * alternatives for more vectors.
 *
 * @example
 * const index = new EmbeddingIndex(512);
 * index.add('cat.jpg', vector);
 * index.search(other, 5); // [{ id: 'cat.jpg', similarity: 0.93 }]
 * await writeFileAtomic('images.safetensors', index.toBytes());
 * const same = await EmbeddingIndex.load('images.safetensors');
 */
export class EmbeddingIndex {
  readonly dimensions: number;
  /** Rows of length one; those from `size` on are unused. */
  #vectors: Float32Array;
  readonly #ids: string[] = [];
  readonly #rows = new Map<string, number>();

  /**
   * @param dimensions length of each vector.
   * @throws RangeError when it is not a positive whole number.
   */
  constructor(dimensions: number) {
    this.dimensions = wholeNumber('EmbeddingIndex', 'dimensions', dimensions, 1, MAX_DIMENSIONS);
    this.#vectors = new Float32Array(16 * dimensions);
  }

  /** Number of vectors. */
  get size(): number {
    return this.#ids.length;
  }

  /** Their names, in the order they were added. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  /**
   * Adds a vector, scaled to length one. Names must differ; vectors may be equal.
   *
   * @throws RangeError when the name is taken, or the vector has the wrong length, a number that is not finite, or only
   *   zeros.
   */
  add(id: string, vector: ArrayLike<number>): void {
    checkArguments('EmbeddingIndex', { id, vector }, { id: TEXT, vector: NUMBERS });
    if (this.has(id)) {
      fail('EmbeddingIndex', `there is already a vector named ${shown(id)}; use another name.`);
    }
    const length = this.#lengthOf(vector, JSON.stringify(id));
    if (this.#vectors.length === this.size * this.dimensions) {
      const larger = new Float32Array(2 * this.#vectors.length);
      larger.set(this.#vectors);
      this.#vectors = larger;
    }
    const at = this.size * this.dimensions;
    for (let i = 0; i < this.dimensions; i++) this.#vectors[at + i] = vector[i]! / length;
    this.#rows.set(id, this.size);
    this.#ids.push(id);
  }

  /**
   * The nearest vectors, nearest first; ties in the order they were added. Returns fewer than `count` when there are fewer.
   *
   * @throws RangeError when the vector does not fit, as for `add`, or `count` is not a positive whole number.
   */
  search(vector: ArrayLike<number>, count = 10): Neighbor[] {
    checkArguments('EmbeddingIndex', { vector }, { vector: NUMBERS });
    wholeNumber('EmbeddingIndex', 'count', count);
    const length = this.#lengthOf(vector, 'to search for');
    const wanted = Float32Array.from(vector, (one) => one / length);
    const found: { row: number; similarity: number }[] = [];
    for (let row = 0; row < this.size; row++) {
      const similarity = this.#product(row, wanted);
      if (found.length === count) {
        if (similarity <= found.at(-1)!.similarity) continue;
        found.pop();
      }
      let at = found.length;
      while (at > 0 && found[at - 1]!.similarity < similarity) at--;
      found.splice(at, 0, { row, similarity });
    }
    return found.map(({ row, similarity }) => ({
      id: this.#ids[row]!,
      similarity: Math.max(-1, Math.min(1, similarity)),
    }));
  }

  /**
   * The index as a safetensors file: `vectors` F32 `[size, dimensions]`, and `ids` U8, a JSON list of names as UTF-8.
   */
  toBytes(): Uint8Array {
    const ids = new TextEncoder().encode(JSON.stringify(this.#ids));
    const vectors = this.#vectors.subarray(0, this.size * this.dimensions);
    return encodeTensors({
      vectors: { shape: [this.size, this.dimensions], data: vectors },
      ids: { shape: [ids.length], data: ids },
    });
  }

  /**
   * Reads an index that `toBytes` encoded.
   *
   * @param source a path (Node), a URL, a Blob, or the bytes.
   * @throws WeightFileError when the file is damaged or cannot be read; RangeError when it is not an index.
   */
  static async load(source: Source, options: WeightFileOptions = {}): Promise<EmbeddingIndex> {
    const where = 'EmbeddingIndex';
    checkArguments(where, { source }, { source: SOURCE });
    optionsOf(where, options, WEIGHT_FILE_OPTIONS);
    const tensors = await readTensors(source, options);
    const [vectors, names] = [tensors.get('vectors'), tensors.get('ids')];
    if (vectors?.shape.length !== 2 || names?.shape.length !== 1) {
      fail('EmbeddingIndex', 'the file has no vectors and ids; use one from toBytes.');
    }
    const [size, dimensions] = vectors.shape as [number, number];
    const ids = namesOf(names.data);
    if (ids?.length !== size) {
      fail(
        'EmbeddingIndex',
        `the file's ids are not a list of ${size} names, one for each vector; write the index again.`,
      );
    }
    const index = new EmbeddingIndex(dimensions);
    for (const [i, id] of ids.entries()) {
      index.add(id, vectors.data.subarray(i * dimensions, (i + 1) * dimensions));
    }
    return index;
  }

  #product(row: number, vector: Float32Array): number {
    const vectors = this.#vectors;
    let product = 0;
    for (let i = 0, at = row * this.dimensions; i < vector.length; i++)
      product += vectors[at++]! * vector[i]!;
    return product;
  }

  #lengthOf(vector: ArrayLike<number>, which: string): number {
    if (vector.length !== this.dimensions) {
      fail('EmbeddingIndex', `the vector ${which} has ${vector.length} numbers; pass ${this.dimensions}.`);
    }
    const most = largest(vector);
    // Relative to the largest number, whose square may be too large or too small for a number.
    let squares = 0;
    for (let i = 0; i < vector.length; i++) squares += (vector[i]! / most) ** 2;
    const length = most * Math.sqrt(squares);
    if (!(length > 0 && length < Number.POSITIVE_INFINITY)) {
      fail(
        'EmbeddingIndex',
        `the vector ${which} ${most === 0 ? 'is all zeros and has no direction' : 'has numbers that are NaN or infinite'}; pass finite numbers that are not all 0.`,
      );
    }
    return length;
  }
}

function namesOf(bytes: ArrayLike<number>): string[] | undefined {
  try {
    const names: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes)));
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}
