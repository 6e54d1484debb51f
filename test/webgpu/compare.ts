import '@tensorflow/tfjs-backend-cpu';
// Registers the gradients; tfjs-core alone has none in Node.
import '@tensorflow/tfjs-layers';
import { backend, dispose, memory, setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { expect, inject } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { size } from '../../src/base/shapes.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';

/** Whether this machine can compute on WebGPU, which is registered then. */
export const available = await register();

async function register(): Promise<boolean> {
  if (inject('backend') === undefined) return (await import('../support/dawn.js')).hasWebgpu();
  await import('@tensorflow/tfjs-backend-webgpu');
  return true;
}

/** What tests look at in tfjs's WebGPU backend. */
interface WebgpuInside {
  numDataIds(): number;
  bufferManager: { getNumUsedBuffers(): number };
}

/** What `compute` gives on WebGPU with the kernels, or on the cpu backend, having left nothing behind there. */
export async function on(name: 'cpu' | 'webgpu', compute: () => Tensor | Tensor[]): Promise<Float32Array[]> {
  await setBackend(name);
  const uninstall = name === 'webgpu' ? installWebgpuKernels({ tune: false }) : () => {};
  const inside = backend() as unknown as WebgpuInside;
  const buffers = () => (name === 'webgpu' ? inside.bufferManager.getNumUsedBuffers() : 0);
  const before = [memory().numTensors, inside.numDataIds(), buffers()];
  try {
    const results = [tidy(compute)].flat();
    const values = await Promise.all(results.map((result) => result.data() as Promise<Float32Array>));
    dispose(results);
    expect([memory().numTensors, inside.numDataIds(), buffers()], `left on ${name}`).toEqual(before);
    return values;
  } finally {
    uninstall();
  }
}

/**
 * Expects each number of what `compute` gives on WebGPU to be within `tolerance`, a fraction of the largest, of what it gives on
 * cpu.
 */
export async function expectSame(compute: () => Tensor | Tensor[], tolerance = 2e-6): Promise<void> {
  const [expected, actual] = [await on('cpu', compute), await on('webgpu', compute)];
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  for (const [i, values] of expected.entries()) {
    expect(error(actual[i]!, values), `output ${i}`).toBeLessThanOrEqual(tolerance);
  }
}

/** The largest difference, as a fraction of the largest number; NaN if one of them is NaN and the other not. */
export function error(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [worst, largest] = [0, Number.MIN_VALUE];
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    largest = Math.max(largest, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst / largest;
}

/** Numbers from -1 to below 1, the same for the same seed. */
export function numbers(count: number, seed: number): Float32Array {
  const { next } = seededRandom(seed);
  return Float32Array.from({ length: count }, () => 2 * next() - 1);
}

export function random(shape: number[], seed: number): Tensor {
  return tensor(numbers(size(shape), seed), shape);
}

/** Runs `work` on the current backend as if its device had lower limits. */
export async function withLimits<T>(lower: Record<string, number>, work: () => Promise<T>): Promise<T> {
  const { device } = backend() as unknown as { device: { limits: Record<string, number> } };
  const own = Object.getOwnPropertyDescriptor(device, 'limits');
  const limits: Record<string, number> = {};
  for (const name in device.limits) limits[name] = device.limits[name]!;
  Object.defineProperty(device, 'limits', { value: { ...limits, ...lower }, configurable: true });
  try {
    return await work();
  } finally {
    if (own) Object.defineProperty(device, 'limits', own);
    else Reflect.deleteProperty(device, 'limits');
  }
}
