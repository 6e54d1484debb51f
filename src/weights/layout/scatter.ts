import { fromBase64 } from '../../base/base64.js';
import { isArrayBuffer } from '../../base/realm.js';
import { memoryView, unfilledTensor, wasmMemory } from '../../tfjs/memory.js';
import { BYTES_PER_ELEMENT, type Dtype, type StoredTensor } from '../formats/tensor.js';
import { type Axes, scatterRows } from './axes.js';
import { SCATTER } from './binary.js';

/** Whole rows of a tensor that lies out first. */
export interface Rows {
  readonly tensor: Pick<StoredTensor, 'dtype' | 'affine'>;
  /** As they are stored. */
  readonly bytes: Uint8Array;
  /** As float32. */
  numbers(): Float32Array;
  /** Which row the first of them is. */
  readonly first: number;
}

/**
 * `scatterRows` to where `into` says, which is asked when it is needed: a backend's memory may move before.
 *
 * @returns whether any of the numbers is NaN or infinite.
 */
export type Scatter = (rows: Rows, sides: Axes, into: () => Float32Array) => boolean;

/** By JavaScript, to anywhere. */
export const scatterAnywhere: Scatter = (rows, sides, into) =>
  scatterRows(rows.numbers(), rows.first, sides, into());

/** What `assembly/scatter.ts` takes, and as which number. */
const TYPES: Partial<Record<Dtype, number>> = { F32: 0, F16: 1, BF16: 2 };

/**
 * The way to put rows in place on the current backend. In the memory of tfjs's wasm backend WebAssembly with 128-bit SIMD
 * does it, in a quarter of the time; elsewhere, and where the engine has no SIMD or compiles nothing, JavaScript.
 */
export function scatterOnBackend(): Scatter {
  const memory = wasmMemory();
  const scatterInHeap = memory && isArrayBuffer(memory.buffer) ? instantiate(memory) : undefined;
  return (rows, sides, into) => {
    const { tensor, bytes, first } = rows;
    const type = tensor.affine ? undefined : TYPES[tensor.dtype];
    const inHeap = type !== undefined && scatterInHeap && into().buffer === memory!.buffer;
    const staging = inHeap && unfilledTensor([Math.ceil(bytes.length / Float32Array.BYTES_PER_ELEMENT)]);
    if (!staging) return scatterAnywhere(rows, sides, into);
    try {
      const from = memoryView(staging)!;
      new Uint8Array(from.buffer, from.byteOffset).set(bytes);
      const { out, channels, window } = sides;
      const count = bytes.length / (BYTES_PER_ELEMENT[tensor.dtype] * channels * window);
      const to = into().byteOffset + first * Float32Array.BYTES_PER_ELEMENT;
      return scatterInHeap(from.byteOffset, count, window, channels, out, to, type) !== 0;
    } finally {
      staging.dispose();
    }
  };
}

/** `assembly/scatter.ts`; addresses are bytes. */
type ScatterInHeap = (
  from: number,
  rows: number,
  window: number,
  channels: number,
  out: number,
  to: number,
  type: number,
) => number;

function instantiate(memory: WebAssembly.Memory): ScatterInHeap | undefined {
  try {
    const bytes = fromBase64(SCATTER);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return exports.scatterRows as ScatterInHeap;
  } catch {
    return undefined;
  }
}
