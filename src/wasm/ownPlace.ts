import { Allocator } from './allocator.js';
import { add, floats, type Place } from './operands.js';

/**
 * A helper's own memory, shared between its thread and this one, for a backend whose memory is not shared: operands are copied
 * in, and the kernel's output is copied back. Operands to keep are copied once.
 */
export function ownPlace(backend: WebAssembly.Memory): Place {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 ** 16, shared: true });
  const allocator = new Allocator(memory);
  const kept = new Map<number, { address: number; bytes: number }>();

  function copyOf(address: number, bytes: number): number {
    const to = allocator.allocate(bytes);
    new Uint8Array(memory.buffer, to, bytes).set(new Uint8Array(backend.buffer, address, bytes));
    return to;
  }

  return {
    memory,
    lay(operands) {
      const found: { address: number; bytes: number }[] = [];
      const drop = () => {
        for (const { address, bytes } of found.splice(0)) allocator.free(address, bytes);
      };
      try {
        const addresses = operands.map(({ address, bytes, use }) => {
          if (use === 'keep') {
            if (!kept.has(address)) kept.set(address, { address: copyOf(address, bytes), bytes });
            return kept.get(address)!.address;
          }
          if (use === 'read' && address === 0) return 0;
          found.push({ address: use === 'read' ? copyOf(address, bytes) : allocator.allocate(bytes), bytes });
          return found.at(-1)!.address;
        });
        const finish = () => {
          for (const [i, { address, bytes, use }] of operands.entries()) {
            const written = floats(memory, addresses[i]!, bytes);
            if (use === 'write') floats(backend, address, bytes).set(written);
            if (use === 'add') add(backend, address, written);
          }
        };
        return { addresses, finish, drop };
      } catch (error) {
        drop();
        throw error;
      }
    },
    forget(address, bytes) {
      for (const [from, copy] of kept) {
        if (from < address || from >= address + bytes) continue;
        allocator.free(copy.address, copy.bytes);
        kept.delete(from);
      }
    },
  };
}
