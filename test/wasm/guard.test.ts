import '@tensorflow/tfjs-backend-wasm';
import {
  dispose,
  engine,
  findBackendFactory,
  memory,
  ones,
  registerBackend,
  removeBackend,
  setBackend,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { unfilledTensor } from '../../src/tfjs/memory.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { wasm } from './compare.js';

/** 256 MB each. */
const SHAPE = [64, 1024, 1024];

/** A new backend of full size, since WebAssembly's memory never shrinks. */
function forget() {
  const factory = findBackendFactory('wasm');
  removeBackend('wasm');
  registerBackend('wasm', factory);
}

/** Fills the backend with tensors that nothing is written to, until one fails. */
function fill(): Tensor[] {
  const all: Tensor[] = [];
  expect(() => {
    while (all.length < 17) all.push(unfilledTensor(SHAPE)!);
  }).toThrow(
    "installWasmKernels: the wasm backend's memory (at most 4 GB) has no room for 268435456 more bytes; use a smaller batch, or dispose of tensors.",
  );
  return all;
}

describe('tensors that fill the memory before any kernel runs', () => {
  test.each<[string, number, (install: () => () => void) => Promise<() => void>]>([
    [
      'set after the installation',
      1,
      async (install) => {
        const uninstall = install();
        await setBackend('wasm');
        return uninstall;
      },
    ],
    [
      'that is starting',
      1,
      async (install) => {
        const started = setBackend('wasm');
        const uninstall = install();
        await started;
        return uninstall;
      },
    ],
    [
      'set before',
      1,
      async (install) => {
        await setBackend('wasm');
        return install();
      },
    ],
    [
      'set after the installation, with two threads',
      2,
      async (install) => {
        const uninstall = install();
        await setBackend('wasm');
        return uninstall;
      },
    ],
  ])('are refused in one sentence, and the backend goes on: one %s', async (_, threads, start) => {
    forget();
    const uninstall = await start(() => installWasmKernels({ threads }));
    const [tensors, { _malloc }] = [memory().numTensors, wasm().wasm];
    const x = tensor([1, 2, 3]);
    const all = fill();
    expect(all.length).toBe(15);
    expect(() => zeros(SHAPE)).toThrow('has no room for 268435456 more bytes');
    expect(engine().memory().numTensors).toBe(tensors + all.length + 1);
    dispose(all.pop()!);
    const large = sum(ones(SHAPE));
    expect((await sum(x).data())[0]).toBe(6);
    expect((await large.data())[0]).toBe(64 * 1024 * 1024);
    uninstall();
    expect(wasm().wasm._malloc).not.toBe(_malloc);
  });
});

test('allocations of 4 GB and more, which are passed on modulo 4 GB, are refused as well', async () => {
  forget();
  const uninstall = installWasmKernels();
  await setBackend('wasm');
  for (const length of [2 ** 30 - 1, 2 ** 30 + 4]) {
    expect(() => unfilledTensor([length])).toThrow(`has no room for ${4 * length} more bytes`);
  }
  uninstall();
});
