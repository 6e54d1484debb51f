import { allocate, type WasmBackend } from './backend.js';

/** Numbers in the backend's memory that a kernel reads or writes; the address 0 stands for none. */
export interface Operand {
  address: number;
  bytes: number;
  /**
   * `keep` is read and does not change until it is freed. To `add`, float32, the kernel's output is added. `work` is working
   * memory, which has no address yet.
   */
  use: 'read' | 'keep' | 'write' | 'add' | 'work';
}

/** Operands placed in a memory for a kernel. */
export interface Laid {
  addresses: number[];
  /** Copies the kernel's output to the backend's memory. */
  finish(): void;
  /** Frees all memory. */
  drop(): void;
}

/** A memory in which kernels compute. */
export interface Place {
  memory: WebAssembly.Memory;
  lay(operands: Operand[]): Laid;
  /** Frees the copies of operands from this part of the backend's memory, which is being freed itself. */
  forget(address: number, bytes: number): void;
}

/** The backend's own memory, where the operands already are. */
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
