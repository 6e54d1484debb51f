import { WeightFileError } from '../error.js';
import type { WeightFile } from '../file.js';
import { viewOf } from '../numbers.js';

/**
 * The maximum bytes of groups, headers and heaps read from one file; a Keras file of VGG-19 has less than a megabyte. This ends
 * every loop that a file's links may form.
 */
const MAX_METADATA_BYTES = 16 * 2 ** 20;

/** The maximum bytes of a header, heap or tree node. */
const MAX_BLOCK_BYTES = 4 * 2 ** 20;

/** Metadata is stored in clusters of small blocks, so it is read in pages, some of which are kept. */
const PAGE_BYTES = 2 ** 16;
const PAGES_KEPT = 64;

/** The maximum number of pages read from one file, 1 GiB in total: if blocks are far apart, each costs a page. */
const MAX_PAGES = 2 ** 14;

/** The undefined address. */
export const UNDEFINED = 2 ** 64;

/** The objects of a global heap by number. */
export type Heap = ReadonlyMap<number, Uint8Array>;

/** The metadata of a file. */
export class Metadata {
  #left = MAX_METADATA_BYTES;
  #pagesLeft = MAX_PAGES;
  /** Global heaps that were read, by address. */
  readonly heaps = new Map<number, Promise<Heap>>();
  readonly #pages = new Map<number, Promise<Uint8Array>>();

  constructor(readonly file: WeightFile) {}

  /** The bytes at an address, to be read field by field. */
  async at(address: number, length: number): Promise<Fields> {
    if (!Number.isSafeInteger(address) || address < 0 || length < 0 || address + length > this.file.size) {
      throw this.fault(
        `it refers to bytes at offset ${address} but has ${this.file.size}; it is truncated or damaged, so get it again.`,
      );
    }
    if (length > MAX_BLOCK_BYTES) throw this.#tooMuch();
    // Reading a block of a few bytes takes work too.
    this.spend(length + 64);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const page = Math.floor((address + done) / PAGE_BYTES);
      const part = (await this.#page(page))
        .subarray(address + done - page * PAGE_BYTES)
        .subarray(0, length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return new Fields(bytes, this);
  }

  /** Charges bytes that are read or decoded to the file's budget. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw this.#tooMuch();
  }

  #tooMuch(): WeightFileError {
    return this.fault(
      'its groups and headers are larger than in any Keras file, or form a cycle; it is damaged.',
    );
  }

  #page(page: number): Promise<Uint8Array> {
    const kept = this.#pages.get(page);
    if (kept) return kept;
    if (this.#pagesLeft-- <= 0) throw this.#tooMuch();
    if (this.#pages.size >= PAGES_KEPT) this.#pages.delete(this.#pages.keys().next().value!);
    const from = page * PAGE_BYTES;
    const read = this.file.read(from, Math.min(PAGE_BYTES, this.file.size - from));
    this.#pages.set(page, read);
    return read;
  }

  fault(reason: string, tensor?: string): WeightFileError {
    return new WeightFileError(this.file.name, reason, { tensor });
  }
}

/** Reads the fields of a block in order, little-endian. */
export class Fields {
  at = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly metadata: Metadata,
  ) {
    this.#view = viewOf(bytes);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The next bytes as a separate block. */
  take(length: number): Fields {
    if (length > this.left) throw this.metadata.fault('one of its blocks ends too early; it is damaged.');
    this.at += length;
    return new Fields(this.bytes.subarray(this.at - length, this.at), this.metadata);
  }

  skip(length: number): void {
    this.take(length);
  }

  /** Skips to a multiple of 8 bytes. */
  align(): void {
    this.skip(Math.min(this.left, (8 - (this.at % 8)) % 8));
  }

  u8(): number {
    return this.take(1).bytes[0]!;
  }

  u16(): number {
    this.skip(2);
    return this.#view.getUint16(this.at - 2, true);
  }

  u32(): number {
    this.skip(4);
    return this.#view.getUint32(this.at - 4, true);
  }

  /** A length or an address. Numbers above 2^53 are rounded, but no file is that long. */
  u64(): number {
    this.skip(8);
    return Number(this.#view.getBigUint64(this.at - 8, true));
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes. */
  sized(bytes: number): number {
    return bytes === 1 ? this.u8() : bytes === 2 ? this.u16() : bytes === 4 ? this.u32() : this.u64();
  }

  /** A string that ends at a null byte or the block's end, of at most `maxBytes`. */
  text(maxBytes = this.left): string {
    const within = this.bytes.subarray(this.at, this.at + maxBytes + 1);
    const end = within.indexOf(0);
    if (end < 0 && within.length > maxBytes)
      throw this.metadata.fault(`one of its names has more than ${maxBytes} bytes; it is damaged.`);
    const text = new TextDecoder().decode(within.subarray(0, end < 0 ? undefined : end));
    this.at += end < 0 ? within.length : end + 1;
    return text;
  }

  /** Throws unless the next four bytes are this signature. */
  signature(expected: string): void {
    const found = new TextDecoder('latin1').decode(this.take(4).bytes);
    if (found !== expected)
      throw this.metadata.fault(`it has no ${expected} block where one should be; it is damaged.`);
  }
}
