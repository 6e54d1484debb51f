import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Allocator } from '../../src/wasm/allocator.js';

const memory = () => new WebAssembly.Memory({ initial: 1, maximum: 64 });

describe('a heap', () => {
  test('allocates parts of the memory that do not overlap, and frees them', () => {
    const steps = fc.array(fc.oneof(fc.record({ bytes: fc.nat(100_000) }), fc.record({ free: fc.nat() })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const room = memory();
        const heap = new Allocator(room);
        const held: { address: number; bytes: number }[] = [];
        for (const step of all) {
          if ('bytes' in step) {
            const address = heap.allocate(step.bytes);
            const end = address + step.bytes;
            expect(address).toBeGreaterThan(0);
            expect(end).toBeLessThanOrEqual(room.buffer.byteLength);
            expect(
              held.filter((other) => other.address < end && address < other.address + other.bytes),
            ).toEqual([]);
            held.push({ address, bytes: step.bytes });
          } else if (held.length > 0) {
            const [one] = held.splice(step.free % held.length, 1);
            heap.free(one!.address, one!.bytes);
          }
        }
        for (const { address, bytes } of held) heap.free(address, bytes);
        // All of it is one block again, from where the first one was.
        expect(heap.allocate(1)).toBe(new Allocator(memory()).allocate(1));
        const before = room.buffer.byteLength;
        heap.allocate(before - 2 ** 16);
        expect(room.buffer.byteLength).toBe(before);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('throws when the memory cannot grow', () => {
    expect(() => new Allocator(memory()).allocate(2 ** 23)).toThrow(
      "installWasmKernels: a helper thread's memory (at most 4 GB) cannot grow by",
    );
  });
});
