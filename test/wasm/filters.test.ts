import { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  conv2d,
  dispose,
  engine,
  memory,
  ones,
  ready,
  registerBackend,
  removeBackend,
  reshape,
  scalar,
  setBackend,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
  variable,
} from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, type WasmInside, wasm } from './compare.js';

/** The addresses that the backend's memory gave out and did not get back. */
function watch(backend: WasmInside): Set<number> {
  const held = new Set<number>();
  // The module's functions put others in their own place when they are first called.
  scalar(0).dispose();
  const module = backend.wasm as unknown as { _malloc(bytes: number): number; _free(address: number): void };
  const { _malloc, _free } = module;
  module._malloc = (bytes) => {
    const address = _malloc(bytes);
    held.add(address);
    return address;
  };
  module._free = (address) => {
    held.delete(address);
    _free(address);
  };
  return held;
}

let uninstall: () => void;
let held: Set<number>;
beforeEach(async () => {
  uninstall = installWasmKernels();
  await setBackend('wasm');
  held = watch(wasm());
});
afterEach(() => uninstall());

const SHAPE: [number, number, number, number] = [3, 3, 16, 16];
const filterOf = (seed: number) => tensor(numbers(9 * 16 * 16, seed), SHAPE);
const image = () => tensor(numbers(8 * 8 * 16, 9), [1, 8, 8, 16]) as Tensor4D;
const output = (filter: Tensor) => tidy(() => conv2d(image(), filter as Tensor4D, 1, 'same').dataSync());

describe('the transform of a filter', () => {
  test('is that of its shape: tensors that reshape has made share their data, and nothing else', () => {
    const wide = [3, 3, 8, 32];
    const own = tensor(numbers(9 * 16 * 16, 1), wide);
    const filter = filterOf(1);
    const shared = reshape(filter, wide);
    const x = tensor(numbers(8 * 8 * 8, 3), [1, 8, 8, 8]) as Tensor4D;
    const wideOutput = (f: Tensor) => tidy(() => conv2d(x, f as Tensor4D, 1, 'same').dataSync());
    const expected = [output(filterOf(1)), wideOutput(own)];
    for (let use = 0; use < 3; use++) expect([output(filter), wideOutput(shared)]).toEqual(expected);
    dispose([own, filter, shared, x]);
  });

  test('is kept from the second use, and freed with the filter', () => {
    const filter = filterOf(1);
    const alone = held.size;
    const first = output(filter);
    expect(held.size).toBe(alone);
    expect(output(filter)).toEqual(first);
    expect(held.size).toBe(alone + 1);
    expect(output(filter)).toEqual(first);
    expect(held.size).toBe(alone + 1);
    filter.dispose();
    expect(held.size).toBe(0);
  });

  test('stays while another tensor has the same numbers', () => {
    const filter = filterOf(1);
    const other = reshape(filter, SHAPE);
    const values = [output(filter), output(filter)];
    filter.dispose();
    expect(held.size).toBe(2);
    expect(output(other)).toEqual(values[0]);
    other.dispose();
    expect(held.size).toBe(0);
  });

  test('is never that of weights which a variable had before', () => {
    const weights = variable(filterOf(1));
    for (let seed = 1; seed < 6; seed++) {
      const value = filterOf(seed);
      const expected = output(value);
      weights.assign(value);
      value.dispose();
      for (let use = 0; use < 3; use++) expect(output(weights)).toEqual(expected);
    }
    weights.dispose();
    expect(held.size).toBe(1); // The first value, which `variable` leaves to the caller.
    engine().disposeVariables();
  });

  test('is freed when the kernels are uninstalled, and computed again afterwards', () => {
    const filter = filterOf(2);
    const values = [output(filter), output(filter)];
    uninstall();
    expect(held.size).toBe(1);
    expect(wasm()).not.toHaveProperty('disposeData', undefined);
    expect(Object.hasOwn(wasm(), 'disposeData')).toBe(false);
    uninstall = installWasmKernels();
    expect(output(filter)).toEqual(values[0]);
    filter.dispose();
    expect(held.size).toBe(0);
  });

  test('of many networks, one after the other, takes no more memory than one', () => {
    let before = 0;
    for (let network = 0; network < 200; network++) {
      const filters = [filterOf(network), filterOf(network + 1)];
      for (let use = 0; use < 3; use++) for (const filter of filters) output(filter);
      dispose(filters);
      if (network === 3) before = wasm().wasm.HEAPU8.length;
    }
    expect(wasm().wasm.HEAPU8.length).toBe(before);
    expect(held.size).toBe(0);
  });
});

describe('a backend', () => {
  test('whose memory grows during a kernel gives the same', () => {
    const [x, filter] = [ones([1, 512, 512, 16]) as Tensor4D, filterOf(1)];
    const before = wasm().wasm.HEAPU8.length;
    const [first, second] = [0, 1].map(() => tidy(() => conv2d(x, filter as Tensor4D, 1, 'same').dataSync()));
    expect(wasm().wasm.HEAPU8.length).toBeGreaterThan(before);
    expect(second!.every((value, i) => value === first![i])).toBe(true);
    dispose([x, filter]);
  });

  test('that is removed and registered again is used', async () => {
    const filter = filterOf(3);
    const values = [output(filter), output(filter)];
    filter.dispose();
    const { factory, priority } = engine().registryFactory.wasm!;
    removeBackend('wasm');
    registerBackend('wasm', factory, priority);
    await setBackend('wasm');
    await ready();
    const again = filterOf(3);
    expect(output(again)).toEqual(values[0]);
    expect(output(again)).toEqual(values[0]);
    again.dispose();
    expect(wasm()).toBeInstanceOf(BackendWasm);
  });

  test('that is set again is the same one', async () => {
    const filter = filterOf(4);
    const values = output(filter);
    await setBackend('cpu');
    await setBackend('wasm');
    expect(output(filter)).toEqual(values);
    filter.dispose();
    expect(held.size).toBe(0);
  });

  test('keeps no tensors of ours', () => {
    const before = memory().numTensors;
    const filter = filterOf(5);
    for (let use = 0; use < 3; use++) output(filter);
    filter.dispose();
    expect(memory().numTensors).toBe(before);
  });
});
