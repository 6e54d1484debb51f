import type { RgbImage } from '../rawImage.js';

/** How a BMP file stores its pixels. */
interface Header {
  width: number;
  height: number;
  isTopDown: boolean;
  bits: number;
  compression: number;
  /** Where the pixels begin. */
  start: number;
  /** The bits of red, green and blue in a pixel of 16 or 32 bits. */
  masks: readonly [number, number, number];
  /** RGB of each color, for pixels of up to 8 bits. */
  palette: Uint8Array;
}

const [RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS] = [0, 1, 2, 3, 6];

/**
 * Decodes a BMP file like PIL: 1, 2, 4 or 8 bits with a palette, also run-length encoded, or 16, 24 or 32 bits of color. Alpha is
 * dropped.
 *
 * @param checkSize throws for an image that is too large.
 * @throws Error that says what is wrong.
 */
export function decodeBmp(bytes: Uint8Array, checkSize: (width: number, height: number) => void): RgbImage {
  const header = headerOf(bytes);
  const { width, height, isTopDown, bits, compression } = header;
  checkSize(width, height);
  const put = pixelsOf(bytes, header);
  const stride = Math.ceil((width * bits) / 32) * 4;
  const isPacked = compression === RLE8 || compression === RLE4;
  if (!isPacked && header.start + stride * height > bytes.length) throw new Error('it is truncated');
  const runs = isPacked ? unpacked(bytes, header) : undefined;
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    const to = 3 * width * (isTopDown ? row : height - 1 - row);
    for (let x = 0; x < width; x++) {
      if (runs) color(header.palette, runs[row * width + x]!, data, to + 3 * x);
      else put(header.start + row * stride, x, data, to + 3 * x);
    }
  }
  return { data, width, height };
}

function headerOf(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) throw new Error('it is truncated');
  const size = view.getUint32(14, true);
  if (bytes.length < 14 + size) throw new Error('it is truncated');
  // The header of OS/2 has sizes of 16 bits and colors of three bytes.
  const isCore = size === 12;
  const signed = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? RGB! : view.getUint32(30, true);
  const isField = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  if (width <= 0 || signed === 0) throw new Error(`its size is ${width}x${Math.abs(signed)}`);
  const allowed = { [RLE8!]: [8], [RLE4!]: [4], [BITFIELDS!]: [16, 32], [ALPHA_BITFIELDS!]: [16, 32] };
  const isKnown = compression === RGB ? [1, 2, 4, 8, 16, 24, 32] : allowed[compression];
  if (!isKnown?.includes(bits)) {
    throw new Error(
      `its pixels have ${bits} bits in compression ${compression}, which this decoder does not know`,
    );
  }
  const fields =
    isField && bytes.length >= 66 ? [54, 58, 62].map((at) => view.getUint32(at, true)) : undefined;
  const isEmpty = fields?.every((mask) => mask === 0);
  if (isEmpty && bits === 16) throw new Error('its pixels have no bits of color');
  const masks = fields && !isEmpty ? fields : bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const first = 14 + size + (isField && size === 40 ? 12 : 0);
  const step = isCore ? 3 : 4;
  const colors = bits > 8 ? 0 : (size >= 36 && view.getUint32(46, true)) || 2 ** bits;
  // As in PIL, without an address the pixels follow the colors.
  const start = view.getUint32(10, true) || first + step * colors;
  if (start < 14 + size) throw new Error('its pixels begin within its header');
  return {
    ...{ width, height: Math.abs(signed), isTopDown: signed < 0, bits, compression, start },
    masks: masks as [number, number, number],
    palette: paletteOf(bytes, first, start, step, bits),
  };
}

/** The colors between the header and the pixels; black beyond. */
function paletteOf(bytes: Uint8Array, first: number, start: number, step: number, bits: number): Uint8Array {
  const palette = new Uint8Array(3 * 256);
  if (bits > 8) return palette;
  for (let i = 0, at = first; i < 2 ** bits && at + step <= start; i++, at += step) {
    palette.set([bytes[at + 2] ?? 0, bytes[at + 1] ?? 0, bytes[at] ?? 0], 3 * i);
  }
  return palette;
}

function color(palette: Uint8Array, index: number, data: Uint8Array, to: number): void {
  for (let i = 0; i < 3; i++) data[to + i] = palette[3 * index + i]!;
}

/** A function that copies pixel `x` of the row at an address. */
function pixelsOf(bytes: Uint8Array, { bits, masks, palette }: Header) {
  if (bits <= 8) {
    const mask = 2 ** bits - 1;
    return (row: number, x: number, data: Uint8Array, to: number) => {
      const bit = x * bits;
      color(palette, (bytes[row + (bit >> 3)]! >> (8 - bits - (bit & 7))) & mask, data, to);
    };
  }
  if (bits === 24) {
    return (row: number, x: number, data: Uint8Array, to: number) => {
      for (let i = 0; i < 3; i++) data[to + i] = bytes[row + 3 * x + 2 - i]!;
    };
  }
  const step = bits / 8;
  const fields = masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, white: Math.max(1, mask >>> shift) };
  });
  return (row: number, x: number, data: Uint8Array, to: number) => {
    let pixel = 0;
    for (let i = 0; i < step; i++) pixel |= bytes[row + step * x + i]! << (8 * i);
    // PIL rounds down.
    fields.forEach(({ mask, shift, white }, i) => {
      data[to + i] = Math.trunc((((pixel & mask) >>> shift) * 255) / white);
    });
  };
}

/** The palette's indices of run-length encoded pixels, from the bottom row up. */
function unpacked(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height } = header;
  // Throws before the memory is allocated.
  eachPixel(bytes, header, () => {});
  const indices = new Uint8Array(width * height);
  eachPixel(bytes, header, (x, y, index) => {
    // As in PIL, a run ends at the end of its row.
    if (x < width && y < height) indices[y * width + x] = index;
  });
  return indices;
}

/** Passes on the run-length encoded pixels, some of which may be outside. */
function eachPixel(
  bytes: Uint8Array,
  { height, compression, start }: Header,
  use: (x: number, y: number, index: number) => void,
): void {
  const nibbles = compression === RLE4;
  let [at, x, y] = [start, 0, 0];
  const put = (index: number) => use(x++, y, index);
  const half = (byte: number, i: number) => (nibbles ? (byte >> (i % 2 ? 0 : 4)) & 15 : byte);
  while (y < height) {
    if (at + 2 > bytes.length) throw new Error('it is truncated');
    const [count, code] = [bytes[at++]!, bytes[at++]!];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(half(code, i));
    } else if (code === 0) {
      x = 0;
      y++;
    } else if (code === 1) {
      break;
    } else if (code === 2) {
      x += bytes[at++] ?? 0;
      y += bytes[at++] ?? 0;
    } else {
      for (let i = 0; i < code; i++) put(half(bytes[at + (nibbles ? i >> 1 : i)] ?? 0, i));
      const used = nibbles ? Math.ceil(code / 2) : code;
      at += used + (used % 2);
    }
  }
}
