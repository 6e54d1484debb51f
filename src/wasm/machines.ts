import { isArrayBuffer } from '../base/realm.js';
import type { WasmNumerics } from '../tfjs/kernels.js';
import { guardMemory, memoryOf, type WasmBackend } from './backend.js';
import { Filters } from './filters.js';
import { Helper } from './helper.js';
import { instantiate } from './kernels.js';
import type { Tools } from './run.js';

/**
 * Starts the kernels on a backend when they first receive one of its tensors, so that a backend may be set, disposed or
 * registered again at any time. Its memory is guarded from the start, since tensors may fill it before.
 */
export class Machines {
  readonly #machines = new Map<WasmBackend, Tools>();
  /** Guarded backends, with the function that ends it. */
  readonly #guarded = new Map<WasmBackend, () => void>();
  readonly #numerics: WasmNumerics;

  constructor(numerics: WasmNumerics) {
    this.#numerics = numerics;
  }

  /** Guards a backend's memory, unless it is guarded. */
  guard(backend: WasmBackend): void {
    if (this.#guarded.has(backend)) return;
    for (const old of this.#guarded.keys()) if (!old.wasm) this.#guarded.delete(old);
    this.#guarded.set(backend, guardMemory(backend));
  }

  of(backend: WasmBackend): Tools {
    const found = this.#machines.get(backend);
    if (found) return found;
    // Disposed backends leave nothing behind.
    for (const old of this.#machines.keys()) if (!old.wasm) this.#end(old);
    const { threads, relaxedSimd } = this.#numerics;
    const memory = memoryOf(backend);
    if (threads > 1 && isArrayBuffer(memory.buffer)) {
      throw new Error(
        `installWasmKernels: ${threads} threads need the backend's memory to be shared, which it becomes while the backend starts; call installWasmKernels before setBackend('wasm'), or install with one thread.`,
      );
    }
    const helpers = Array.from({ length: threads - 1 }, () => new Helper(memory, relaxedSimd));
    const kernels = instantiate(memory, relaxedSimd);
    const machine = { backend, kernels, filters: new Filters(backend), helpers };
    this.#machines.set(backend, machine);
    return machine;
  }

  close(): void {
    for (const [backend, { filters }] of this.#machines) {
      filters.close();
      this.#end(backend);
    }
    for (const unguard of this.#guarded.values()) unguard();
    this.#guarded.clear();
  }

  #end(backend: WasmBackend): void {
    for (const helper of this.#machines.get(backend)!.helpers) helper.end();
    this.#machines.delete(backend);
  }
}
