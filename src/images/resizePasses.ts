import { fromBase64 } from '../base/base64.js';
import { RESIZE } from './binary.js';
import type { RgbImage } from './rawImage.js';
import { type Filter, PRECISION_BITS } from './resizeFilter.js';

/**
 * The pixels of an image after its rows and then its columns were filtered, rounded to bytes after each: in WebAssembly with 128-bit
 * SIMD, or in JavaScript, with the same results, where the engine has none or may not compile it.
 *
 * @param columns the filter along rows, one entry for each column of the result.
 * @param rows the filter along columns.
 * @param kernel for tests.
 */
export function resizePasses(
  { data, width }: RgbImage,
  columns: Filter,
  rows: Filter,
  kernel = resizeKernel(),
): Uint8Array {
  // The input rows that count for any row of the result.
  const [first, end] = span(rows);
  const source = data.subarray(3 * width * first, 3 * width * end);
  const [across, down] = [scaled(columns, 3, 0), scaled(rows, 3 * columns.count, first)];
  return (kernel ?? resizeInJavaScript)(source, 3 * width, across, down);
}

/** Filters rows of bytes along both axes; the filters' entries begin with offsets in bytes. */
type Passes = (source: Uint8Array, rowBytes: number, across: Filter, down: Filter) => Uint8Array;

function span({ entries, count, stride }: Filter): [first: number, end: number] {
  const last = (count - 1) * (stride + 2);
  return [entries[0]!, entries[last]! + entries[last + 1]!];
}

/** A filter whose entries begin with offsets in bytes instead of indices. */
function scaled({ entries, ...filter }: Filter, bytes: number, from: number): Filter {
  const offsets = entries.slice();
  for (let at = 0; at < offsets.length; at += filter.stride + 2) offsets[at] = (entries[at]! - from) * bytes;
  return { entries: offsets, ...filter };
}

export const resizeInJavaScript: Passes = (source, rowBytes, across, down) => {
  const height = source.length / rowBytes;
  const row = 3 * across.count;
  const narrow = new Uint8Array(row * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < across.count; x++) {
      for (let color = 0; color < 3; color++)
        narrow[to++] = weighted(source, y * rowBytes + color, 3, across, x);
    }
  }
  const resized = new Uint8Array(row * down.count);
  for (let y = 0, to = 0; y < down.count; y++) {
    for (let x = 0; x < row; x++) resized[to++] = weighted(narrow, x, row, down, y);
  }
  return resized;
};

/** The weighted sum of bytes `step` apart, rounded; clamped, since rounded weights need not add up to one. */
function weighted(
  data: Uint8Array,
  start: number,
  step: number,
  { entries, stride }: Filter,
  i: number,
): number {
  const entry = i * (stride + 2);
  const count = entries[entry + 1]!;
  let sum = 1 << (PRECISION_BITS - 1);
  for (let k = 0, at = start + entries[entry]!; k < count; k++, at += step)
    sum += data[at]! * entries[entry + 2 + k]!;
  return Math.min(255, sum >> PRECISION_BITS);
}

/** `assembly/resize.ts`; addresses are bytes. */
interface Exports {
  alongRows(
    from: number,
    rowBytes: number,
    rows: number,
    to: number,
    width: number,
    filter: number,
    stride: number,
  ): void;
  alongColumns(
    from: number,
    rowBytes: number,
    to: number,
    height: number,
    filter: number,
    stride: number,
  ): void;
}

const PAGE = 65536;
/** The module's own data comes first. */
const START = 1024;
/** Bytes that the kernels may touch behind an image. */
const MARGIN = 16;
/** Memory that is kept between images; for more, the module is instantiated again. */
const MAX_KEPT = 2 ** 26;

let kept: { exports: Exports; memory: WebAssembly.Memory } | undefined | null;

/** The kernel, which works in a memory of its own; undefined if the engine has no SIMD or may not compile WebAssembly. */
export function resizeKernel(): Passes | undefined {
  if (kept === undefined) kept = instantiate();
  const instance = kept;
  if (!instance) return undefined;
  return (source, rowBytes, across, down) => {
    const height = source.length / rowBytes;
    const row = 3 * across.count;
    let end = START;
    const place = (bytes: number) => {
      const at = end;
      end += Math.ceil((bytes + MARGIN) / 16) * 16;
      return at;
    };
    const from = place(source.length);
    const narrow = place(row * height);
    const to = place(row * down.count);
    const [columns, rows] = [place(across.entries.byteLength), place(down.entries.byteLength)];
    const { memory, exports } = instance;
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
    if (missing > 0 && !grown(memory, missing)) return resizeInJavaScript(source, rowBytes, across, down);
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(source, from);
    new Int32Array(memory.buffer).set(across.entries, columns / 4);
    new Int32Array(memory.buffer).set(down.entries, rows / 4);
    exports.alongRows(from, rowBytes, height, narrow, across.count, columns, across.stride);
    exports.alongColumns(narrow, row, to, down.count, rows, down.stride);
    const resized = bytes.slice(to, to + row * down.count);
    if (bytes.length > MAX_KEPT) kept = undefined;
    return resized;
  };
}

function grown(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}

function instantiate(): typeof kept {
  try {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(fromBase64(RESIZE)), {
      env: { memory },
    });
    return { exports: exports as unknown as Exports, memory };
  } catch {
    return null;
  }
}
