import { allocate, type WasmBackend } from './run.js';

/** Numbers in the backend's memory that a kernel reads or writes; those at 0 are none. */
export interface Operand {
  address: number;
  bytes: number;
  /**
   * `keep` is read, and stays as it is until it is freed. To `add`, float32, what the kernel writes is added. `work` is
   * memory to work in, which has no address yet.
   */
  use: 'read' | 'keep' | 'write' | 'add' | 'work';
}

/** Operands where a kernel finds them. */
export interface Laid {
  addresses: number[];
  /** Brings what the kernel wrote to where it belongs. */
  finish(): void;
  /** Gives all memory back. */
  drop(): void;
}

/** A memory that kernels compute on. */
export interface Place {
  memory: WebAssembly.Memory;
  lay(operands: Operand[]): Laid;
  /** Says that so many bytes of the backend's memory, of which some were to be kept, are freed. */
  forget(address: number, bytes: number): void;
}

/** The backend's own memory, where operands lie already. */
export function backendPlace(backend: WasmBackend, memory: WebAssembly.Memory): Place {
  return {
    memory,
    lay(operands) {
      const found: number[] = [];
      const drop = () => {
        for (const address of found.splice(0)) backend.wasm!._free(address);
      };
      try {
        const addresses = operands.map(({ address, bytes, use }) => {
          if (use !== 'add' && use !== 'work') return address;
          found.push(allocate(backend, bytes));
          return found.at(-1)!;
        });
        const finish = () => {
          for (const [i, { address, bytes, use }] of operands.entries()) {
            if (use === 'add') add(memory, address, floats(memory, addresses[i]!, bytes));
          }
        };
        return { addresses, finish, drop };
      } catch (error) {
        drop();
        throw error;
      }
    },
    forget() {},
  };
}

/** Adds numbers to those at an address. */
export function add(memory: WebAssembly.Memory, address: number, terms: Float32Array): void {
  const sums = floats(memory, address, terms.byteLength);
  for (let i = 0; i < sums.length; i++) sums[i]! += terms[i]!;
}

export function floats(memory: WebAssembly.Memory, address: number, bytes: number): Float32Array {
  return new Float32Array(memory.buffer, address, bytes / 4);
}
