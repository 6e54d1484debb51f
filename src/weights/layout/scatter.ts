import { fromBase64 } from '../../base/base64.js';
import { isArrayBuffer } from '../../base/realm.js';
import { memoryView, unfilledTensor, wasmMemory } from '../../tfjs/memory.js';
import { BYTES_PER_ELEMENT, type Dtype, type StoredTensor } from '../formats/tensor.js';
import { type Axes, scatterRows } from './axes.js';
import { SCATTER } from './binary.js';

/** Whole rows of a kernel in PyTorch's order. */
export interface Rows {
  readonly tensor: Pick<StoredTensor, 'dtype' | 'affine'>;
  /** As they are stored. */
  readonly bytes: Uint8Array;
  /** As float32. */
  numbers(): Float32Array;
  /** The index of the first row. */
  readonly first: number;
}

/**
 * Calls `scatterRows` with the array that `into` returns. `into` is called late, because a backend's memory may move.
 *
 * @returns whether any of the numbers is NaN or infinite.
 */
export type Scatter = (rows: Rows, axes: Axes, into: () => Float32Array) => boolean;

/** In JavaScript, into any memory. */
export const scatterAnywhere: Scatter = (rows, axes, into) =>
  scatterRows(rows.numbers(), rows.first, axes, into());

/** The types that `assembly/scatter.ts` reads, by its numbers. */
const TYPES: Partial<Record<Dtype, number>> = { F32: 0, F16: 1, BF16: 2 };

/**
 * The fastest `Scatter` on the current backend: WebAssembly with 128-bit SIMD in the memory of tfjs's wasm backend, which
 * takes a quarter of the time; JavaScript elsewhere, or if the engine has no SIMD or may not compile WebAssembly.
 */
export function scatterOnBackend(): Scatter {
  const memory = wasmMemory();
  const scatterInHeap = memory && isArrayBuffer(memory.buffer) ? instantiate(memory) : undefined;
  return (rows, axes, into) => {
    const { tensor, bytes, first } = rows;
    const type = tensor.affine ? undefined : TYPES[tensor.dtype];
    const inHeap = type !== undefined && scatterInHeap && into().buffer === memory!.buffer;
    const staging = inHeap && unfilledTensor([Math.ceil(bytes.length / Float32Array.BYTES_PER_ELEMENT)]);
    if (!staging) return scatterAnywhere(rows, axes, into);
    try {
      const from = memoryView(staging)!;
      new Uint8Array(from.buffer, from.byteOffset).set(bytes);
      const { out, channels, window } = axes;
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
