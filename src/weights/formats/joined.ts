import { printable, WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import type { ByteStream } from './tensor.js';

/** One of several files that are read as one. */
export interface Part {
  /** Its path, for messages. */
  readonly path: string;
  open(): Promise<WeightFile>;
  /** Its length, without reading it. */
  size(): Promise<number>;
  /** Whether asking for its length costs nothing. */
  readonly isLocal: boolean;
}

/**
 * Files whose bytes run on from one to the next, as those of a tfjs model. A file is opened when it is first needed and closed
 * once all of its bytes were read, so that each file is fetched once, in whatever order the tensors are read, and few are in
 * memory at a time if they are read in the order of the files.
 *
 * @param name the file that lists them.
 * @param total the bytes that they must have together.
 */
export class JoinedFiles {
  readonly #sizes: (number | undefined)[];
  /** Opened files, and how many of their bytes are still to be read. */
  readonly #open = new Map<number, { file: Promise<WeightFile>; left: number }>();

  constructor(
    readonly name: string,
    readonly parts: readonly Part[],
    readonly total: number,
  ) {
    this.#sizes = parts.map(() => undefined);
  }

  get isLocal(): boolean {
    return this.parts.every((part) => part.isLocal);
  }

  /** Reads from an offset into all of them. */
  stream(from: number): ByteStream {
    let at = from;
    return {
      readInto: async (into) => {
        for (let done = 0; done < into.length; ) {
          const { part, offset, size } = await this.#at(at);
          const piece = into.subarray(done, done + Math.min(into.length - done, size - offset));
          await this.#read(part, piece, offset);
          done += piece.length;
          at += piece.length;
        }
      },
      close: async () => {},
    };
  }

  /**
   * Checks that the files have the right length together. Files that were not needed are asked for theirs: one that is too
   * short would have shifted the numbers that follow.
   */
  async check(): Promise<void> {
    for (const part of this.parts.keys()) {
      if (this.#sizes[part] === undefined) this.#sizes[part] = await this.parts[part]!.size();
    }
    if (sum(this.#known) !== this.total) await this.#mismatch();
  }

  /** The file with the byte at an offset. */
  async #at(at: number): Promise<{ part: number; offset: number; size: number }> {
    let start = 0;
    for (const part of this.parts.keys()) {
      // A file that is about to be read tells its length then; one that is skipped need not be fetched.
      if (this.#sizes[part] === undefined) {
        if (start === at) await this.#opened(part);
        else this.#sizes[part] = await this.parts[part]!.size();
      }
      const size = this.#sizes[part]!;
      if (at < start + size) return { part, offset: at - start, size };
      start += size;
    }
    return this.#mismatch();
  }

  async #read(part: number, into: Uint8Array, offset: number): Promise<void> {
    const file = await this.#opened(part);
    await file.readInto(into, offset);
    const opened = this.#open.get(part);
    if (!opened) return;
    opened.left -= into.length;
    if (opened.left > 0) return;
    this.#open.delete(part);
    await file.close();
  }

  async #opened(part: number): Promise<WeightFile> {
    const known = this.#open.get(part);
    if (known) return known.file;
    const opened = { file: this.parts[part]!.open(), left: Number.POSITIVE_INFINITY };
    this.#open.set(part, opened);
    const file = await opened.file;
    opened.left = file.size;
    this.#sizes[part] = file.size;
    if (this.#known.length === this.parts.length && sum(this.#known) !== this.total) await this.#mismatch();
    return file;
  }

  get #known(): number[] {
    return this.#sizes.filter((size) => size !== undefined);
  }

  async #mismatch(): Promise<never> {
    const sizes = this.#known;
    if (sizes.length === 0)
      throw new WeightFileError(this.name, 'it has weights but lists no weight files; save the model again.');
    const odd = oddOne(sizes);
    // If it is something else, opening it says so.
    if (this.isLocal) await (await this.parts[odd]!.open()).close();
    const found =
      sizes.length === 1
        ? `its weight file '${printable(this.parts[0]!.path)}' has ${sizes[0]} bytes`
        : `its ${sizes.length} weight files have ${sum(sizes)} bytes together`;
    const hint =
      sizes.length > 1 ? ` ('${printable(this.parts[odd]!.path)}' with ${sizes[odd]} seems wrong)` : '';
    throw new WeightFileError(
      this.name,
      `${found}, but its weights need ${this.total}${hint}; copy all of them again.`,
    );
  }
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** The file that is probably incomplete: writers make all but the last equally long. */
function oddOne(sizes: readonly number[]): number {
  const full = sizes.slice(0, -1);
  const count = (size: number) => full.filter((one) => one === size).length;
  const usual = [...full].sort((a, b) => count(b) - count(a))[0];
  const odd = full.findIndex((size) => size !== usual);
  return odd >= 0 ? odd : sizes.length - 1;
}
