import { describe, expect, test } from 'vitest';
import { checkSimd, hasRelaxedSimd, instantiate } from '../../src/wasm/kernels.js';
import { numbers } from './compare.js';

/** A product of 7x9 and 9x10 matrices by the module on such a memory. */
function product(memory: WebAssembly.Memory, relaxed: boolean): Float32Array {
  const kernels = instantiate(memory, relaxed);
  const floats = new Float32Array(memory.buffer);
  floats.set(numbers(63, 1), 1024);
  floats.set(numbers(90, 2), 2048);
  kernels.product(7, 10, 9, 0, 10, 4096, 36, 4, 8192, 40, 4, 16384, 0, 0, 32768);
  return new Float32Array(memory.buffer).slice(4096, 4096 + 70);
}

const expected = (() => {
  const [a, b] = [numbers(63, 1), numbers(90, 2)];
  return Array.from({ length: 70 }, (_, at) => {
    const [row, column] = [Math.floor(at / 10), at % 10];
    return Array.from({ length: 9 }, (_, k) => a[row * 9 + k]! * b[k * 10 + column]!).reduce((x, y) => x + y);
  });
})();

describe('the WebAssembly', () => {
  test('runs on a memory of its own thread', () => {
    const values = product(new WebAssembly.Memory({ initial: 1, maximum: 65536 }), false);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  });

  test('runs on a memory that is shared between threads, as that of an isolated page is', () => {
    const values = product(new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }), false);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  });

  test('runs with relaxed SIMD where the engine has it, and does not compile elsewhere', () => {
    const relaxed = () => product(new WebAssembly.Memory({ initial: 1, maximum: 65536 }), true);
    if (!hasRelaxedSimd()) {
      expect(relaxed).toThrow(WebAssembly.CompileError);
      return;
    }
    for (const [i, value] of relaxed().entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  });

  test('is what this engine can run', () => {
    expect(() => checkSimd(hasRelaxedSimd())).not.toThrow();
  });
});
