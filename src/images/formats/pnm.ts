import type { RgbImage } from '../rawImage.js';
import { checkBits } from '../twelveBits.js';

const [HASH, NEWLINE, ZERO, NINE] = [0x23, 0x0a, 0x30, 0x39];

const NO_NUMBER = 'there is something else where a number should be';

const isSpace = (byte: number) => byte === 0x20 || (byte >= 9 && byte <= 13);

/**
 * Decodes a file of the netpbm formats: PBM, PGM or PPM, as text (P1 to P3) or binary (P4 to P6). Values from 0 to the file's
 * largest become 0 to 255, rounded as PIL does.
 *
 * @throws Error that says what is wrong; Refused if its 16-bit values are of 12 bits.
 */
export function decodePnm(bytes: Uint8Array, checkSize: (width: number, height: number) => void): RgbImage {
  const kind = bytes[1]! - ZERO;
  const isText = kind <= 3;
  const isBitmap = kind % 3 === 1;
  const channels = kind % 3 === 0 ? 3 : 1;
  const text = new Words(bytes, 2);
  const [width, height] = [text.number(), text.number()];
  const white = isBitmap ? 1 : text.number();
  if (width < 1 || height < 1) throw new Error(`its size is ${width}x${height}`);
  if (white < 1 || white > 65535) throw new Error(`its largest value is ${white}, not from 1 to 65535`);
  checkSize(width, height);
  // A single space ends the header.
  const value = isText
    ? textValues(text, isBitmap, white)
    : binaryValues(bytes, text.at + 1, { width, height, channels, isBitmap, white });
  // Each number of a text takes a digit, and all but bits a space.
  const fewest = isText ? width * height * channels * (isBitmap ? 1 : 2) - 1 : 0;
  if (text.at + fewest > bytes.length) throw new Error('it is truncated');
  const data = new Uint8Array(3 * width * height);
  let largest = 0;
  for (let i = 0; i < width * height; i++) {
    for (let color = 0; color < 3; color++) {
      const to = 3 * i + color;
      if (color >= channels) {
        data[to] = data[3 * i]!;
        continue;
      }
      const given = value(channels * i + color);
      largest = Math.max(largest, given);
      // Ones are black in a bitmap.
      data[to] = isBitmap ? 255 * (1 - given) : scaled(given, white);
    }
  }
  if (white === 65535) checkBits(largest);
  return { data, width, height };
}

/** Rounds halves to even, as Python does. */
function scaled(value: number, white: number): number {
  const exact = (value / white) * 255;
  const below = Math.floor(exact);
  const up = exact - below > 0.5 || (exact - below === 0.5 && below % 2 === 1);
  return Math.min(255, below + (up ? 1 : 0));
}

/** A function that reads the next value. One that is too large is white in a binary file, as in PIL, which refuses it in a text. */
function textValues(text: Words, isBitmap: boolean, white: number): () => number {
  return () => {
    const value = isBitmap ? text.digit() : text.number();
    if (value > white)
      throw new Error(`one of its ${isBitmap ? 'bits' : 'values'} is ${value}, more than ${white}`);
    return value;
  };
}

/** A function that reads value `i`. */
function binaryValues(
  bytes: Uint8Array,
  start: number,
  {
    width,
    height,
    channels,
    isBitmap,
    white,
  }: { width: number; height: number; channels: number; isBitmap: boolean; white: number },
): (i: number) => number {
  const size = white > 255 ? 2 : 1;
  const row = isBitmap ? Math.ceil(width / 8) : width * channels * size;
  if (start + row * height > bytes.length) throw new Error('it is truncated');
  if (isBitmap) {
    return (i) => {
      const x = i % width;
      return (bytes[start + row * Math.floor(i / width) + (x >> 3)]! >> (7 - (x & 7))) & 1;
    };
  }
  if (size === 1) return (i) => bytes[start + i]!;
  return (i) => 256 * bytes[start + 2 * i]! + bytes[start + 2 * i + 1]!;
}

/** The whole numbers of a text, between spaces and comments. */
class Words {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  number(): number {
    let value = this.digit();
    for (let next = this.#peek(); next >= ZERO && next <= NINE; next = this.#peek()) {
      value = 10 * value + next - ZERO;
      if (value > 2 ** 31) throw new Error('one of its numbers is too large');
      this.at++;
    }
    const end = this.#peek();
    if (!Number.isNaN(end) && end !== HASH && !isSpace(end)) throw new Error(NO_NUMBER);
    return value;
  }

  /** The next digit, alone: a bitmap's may stand side by side. */
  digit(): number {
    this.#skip();
    const digit = this.#peek() - ZERO;
    if (Number.isNaN(digit)) throw new Error('it is truncated');
    if (digit < 0 || digit > 9) throw new Error(NO_NUMBER);
    this.at++;
    return digit;
  }

  #peek(): number {
    return this.bytes[this.at] ?? Number.NaN;
  }

  #skip(): void {
    for (;;) {
      while (isSpace(this.#peek())) this.at++;
      if (this.#peek() !== HASH) return;
      while (this.at < this.bytes.length && this.#peek() !== NEWLINE) this.at++;
    }
  }
}
