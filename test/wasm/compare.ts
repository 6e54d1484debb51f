import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
// Registers the gradients; tfjs-core alone has none in Node.
import '@tensorflow/tfjs-layers';
import { backend, dispose, memory, setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { expect, inject } from 'vitest';
import { size } from '../../src/base/shapes.js';

// In a browser the backend looks for its files beside the script that holds it.
if (inject('server')) setWasmPaths(`${location.origin}/node_modules/@tensorflow/tfjs-backend-wasm/dist/`);

/** What tests look at in tfjs's wasm backend. */
export interface WasmInside {
  numDataIds(): number;
  wasm: {
    HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
}

export const wasm = () => backend() as unknown as WasmInside;

/** Counts the bytes that are taken from the backend from now on, tensors and working memory, and not given back. */
export function watchMemory(): { peak(): number; end(): void } {
  const inside = wasm().wasm;
  // Emscripten puts the real functions in their place at the first call.
  inside._free(inside._malloc(8));
  const { _malloc, _free } = inside;
  const taken = new Map<number, number>();
  let [sum, peak] = [0, 0];
  inside._malloc = (bytes) => {
    const address = _malloc(bytes);
    // Addresses above 2 GB are returned as negative numbers, and freed as positive ones.
    taken.set(address >>> 0, bytes);
    sum += bytes;
    peak = Math.max(peak, sum);
    return address;
  };
  inside._free = (address) => {
    sum -= taken.get(address >>> 0) ?? 0;
    taken.delete(address >>> 0);
    _free(address);
  };
  return { peak: () => peak, end: () => Object.assign(inside, { _malloc, _free }) };
}

/** Numbers from -1 to below 1, the same for the same seed. */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    // Knuth's multiplicative generator modulo 2^32; the low bits are poor, so the high ones are taken.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

export function random(shape: number[], seed: number): Tensor {
  return tensor(numbers(size(shape), seed), shape);
}

/** What `compute` gives on a backend, having left nothing behind there. */
export async function on(name: 'cpu' | 'wasm', compute: () => Tensor | Tensor[]): Promise<Float32Array[]> {
  await setBackend(name);
  const [tensors, buffers] = [memory().numTensors, wasm().numDataIds()];
  const results = [tidy(compute)].flat();
  const values = results.map((result) => result.dataSync() as Float32Array);
  dispose(results);
  expect(memory().numTensors, `tensors left on ${name}`).toBe(tensors);
  expect(wasm().numDataIds(), `buffers left on ${name}`).toBe(buffers);
  return values;
}

/** Expects each number of what `compute` gives on wasm to be within `tolerance` of what it gives on cpu. */
export async function expectSame(compute: () => Tensor | Tensor[], tolerance: number): Promise<void> {
  const [expected, actual] = [await on('cpu', compute), await on('wasm', compute)];
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  const worst = expected.map((values, i) =>
    // Infinities and NaNs differ from themselves by NaN.
    values.reduce((most, value, k) => {
      const other = actual[i]![k]!;
      return Math.max(most, Object.is(other, value) ? 0 : Math.abs(other - value));
    }, 0),
  );
  for (const error of worst) expect(error).toBeLessThanOrEqual(tolerance);
}

/**
 * The tolerance for float32 sums of so many products of numbers within [-1, 1]. Their partial sums grow to about the
 * root of the count; each of as many additions rounds by up to 2^-24 of that, up or down at random, which comes to
 * count x 2^-24. Four times as much is allowed. The cpu backend sums in float64.
 */
export const rounding = (count: number) => 4 * count * 2 ** -24;
