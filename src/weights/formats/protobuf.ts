import { WeightFileError } from './error.js';
import type { WeightFile } from './file.js';

/**
 * A field of a Protocol Buffers message (protobuf.dev/programming-guides/encoding). Its bytes are not read, so that a message of
 * hundreds of megabytes is walked through by its heads.
 */
export interface WireField {
  number: number;
  /** 0: a number; 1 and 5: fixed widths; 2: bytes. */
  wire: number;
  /** Of a number. */
  value: number;
  /** Where its bytes begin in the file, and how many they are; none of a number. */
  start: number;
  length: number;
}

/** Bytes that are read at a time: many heads of small fields, and few beside a tensor. */
const WINDOW = 4096;

/** The longest head: two varints. */
const HEAD = 20;

/** Reads messages of one file; all of them share a number of fields. */
export class Messages {
  #window: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array(0) };

  constructor(
    readonly file: WeightFile,
    private fields: number,
  ) {}

  /**
   * The fields of the message at these bytes.
   *
   * @throws WeightFileError when it is none, or there are too many fields.
   */
  async fieldsIn({ start, length }: Pick<WireField, 'start' | 'length'>): Promise<WireField[]> {
    const found: WireField[] = [];
    const end = start + length;
    for (let at = start; at < end; ) {
      if (--this.fields < 0)
        throw new WeightFileError(this.file.name, 'it has too many fields; no VGG has so many.');
      const bytes = await this.#at(at, Math.min(HEAD, end - at));
      const field = fieldAt(bytes, at);
      if (!field || field.start + field.length > end) {
        throw new WeightFileError(
          this.file.name,
          'its messages do not fit into one another; it is damaged or cut off, so get it again.',
        );
      }
      found.push(field);
      at = field.start + field.length;
    }
    return found;
  }

  /** Bytes of a field, at most so many of them as the limit. */
  async bytes({ start, length }: WireField, limit: number): Promise<Uint8Array> {
    if (length > limit) {
      throw new WeightFileError(
        this.file.name,
        `one of its fields has ${length} bytes, more than the limit of ${limit}.`,
      );
    }
    return length <= WINDOW ? this.#at(start, length) : this.file.read(start, length);
  }

  async #at(start: number, length: number): Promise<Uint8Array> {
    const { start: from, bytes } = this.#window;
    if (start < from || start + length > from + bytes.length) {
      const size = Math.min(Math.max(WINDOW, length), this.file.size - start);
      this.#window = { start, bytes: await this.file.read(start, size) };
    }
    const offset = start - this.#window.start;
    return this.#window.bytes.subarray(offset, offset + length);
  }
}

/** The field whose head is at the beginning of some bytes, which are at `at` in the file; undefined if there is none. */
export function fieldAt(bytes: Uint8Array, at: number): WireField | undefined {
  const tag = varintAt(bytes, 0);
  if (!tag) return undefined;
  const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
  if (number === 0 || ![0, 1, 2, 5].includes(wire)) return undefined;
  if (wire === 1 || wire === 5)
    return { number, wire, value: 0, start: at + tag.end, length: wire === 1 ? 8 : 4 };
  const value = varintAt(bytes, tag.end);
  if (!value) return undefined;
  return wire === 0
    ? { number, wire, value: value.value, start: at + value.end, length: 0 }
    : { number, wire, value: 0, start: at + value.end, length: value.value };
}

/** A number, of up to 64 bits and with its sign, at an offset; undefined if the bytes end within it. */
function varintAt(bytes: Uint8Array, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = from; i < bytes.length && i < from + 10; i++) {
    value += (bytes[i]! & 0x7f) * 2 ** (7 * (i - from));
    // Negative numbers have all of their 64 bits written.
    if (bytes[i]! < 0x80) return { value: value >= 2 ** 63 ? negative(bytes, from) : value, end: i + 1 };
  }
  return undefined;
}

/** The numbers that are varints one after the other; undefined if the last is cut off. */
export function varints(bytes: Uint8Array): number[] | undefined {
  const found: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = varintAt(bytes, at);
    if (!next) return undefined;
    found.push(next.value);
    at = next.end;
  }
  return found;
}

function negative(bytes: Uint8Array, from: number): number {
  let value = 0n;
  for (let i = 0; i < 10; i++) value |= BigInt(bytes[from + i]! & 0x7f) << BigInt(7 * i);
  return Number(BigInt.asIntN(64, value));
}
