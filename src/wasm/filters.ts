import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, allocate, type WasmBackend, withMemory } from './backend.js';

/** A filter's form for a convolution. */
export interface Form {
  /** Identifies the form among those of a filter. */
  key: string;
  bytes: number;
  /** Writes the form of the filter at `filter` to `to`. */
  write(filter: number, to: number): void;
}

/** A form that is kept, or the weights themselves. */
interface Kept {
  address: number;
  bytes: number;
  isOurs: boolean;
}

/**
 * The forms of filters for convolutions: transforms, panels. When a filter is used for the first time, its form is computed for
 * that call only, because training changes weights before they are used again, and a single prediction should not take the
 * memory. From the second use, it is kept until the filter is disposed: tfjs never changes the numbers of a tensor, so the form
 * stays valid. The same applies to the weights of dense layers, of which other threads keep a part.
 */
export class Filters {
  readonly #backend: WasmBackend;
  readonly #seen = new WeakMap<object, Set<string>>();
  readonly #kept = new Map<object, Map<string, Kept>>();
  readonly #onFree: (address: number, bytes: number) => void;

  /** Watches the backend's disposals until `close`, and calls `onFree` for memory that was kept. */
  constructor(backend: WasmBackend, onFree: (address: number, bytes: number) => void) {
    this.#backend = backend;
    this.#onFree = onFree;
    const dispose = backend.disposeData;
    backend.disposeData = (dataId, force) => {
      const done = dispose.call(backend, dataId, force);
      if (this.#kept.has(dataId) && backend.refCount(dataId) === 0) this.#forget(dataId);
      return done;
    };
  }

  /** How many forms are kept. */
  get size(): number {
    return [...this.#kept.values()].reduce((count, forms) => count + forms.size, 0);
  }

  /** Runs `use` with the address of a filter's form, and with whether it is kept. */
  with<T>(filter: TensorInfo, form: Form, use: (address: number, isKept: boolean) => T): T {
    const kept = this.#kept.get(filter.dataId)?.get(form.key);
    if (kept) return use(kept.address, true);
    if (this.#isNew(filter, form.key)) {
      return withMemory(this.#backend, form.bytes, (address) => {
        form.write(addressOf(this.#backend, filter), address);
        return use(address, false);
      });
    }
    const address = allocate(this.#backend, form.bytes);
    form.write(addressOf(this.#backend, filter), address);
    this.#keep(filter, form.key, { address, bytes: form.bytes, isOurs: true });
    return use(address, true);
  }

  /** Whether weights have been used before in the form they have in memory. If so, `onFree` is called when they are disposed. */
  isUsedAgain(weights: TensorInfo): boolean {
    const key = 'weights';
    if (this.#kept.get(weights.dataId)?.has(key)) return true;
    if (this.#isNew(weights, key)) return false;
    const address = addressOf(this.#backend, weights);
    this.#keep(weights, key, { address, bytes: 4 * util.sizeFromShape(weights.shape), isOurs: false });
    return true;
  }

  /** Frees all memory, and restores the backend's own `disposeData`. */
  close(): void {
    for (const dataId of [...this.#kept.keys()]) this.#forget(dataId);
    // The own property hides the class's method.
    Reflect.deleteProperty(this.#backend, 'disposeData');
  }

  /** Whether a form of a filter is used for the first time. */
  #isNew({ dataId }: TensorInfo, key: string): boolean {
    const seen = this.#seen.get(dataId) ?? new Set();
    if (seen.has(key)) return false;
    this.#seen.set(dataId, seen.add(key));
    return true;
  }

  #keep({ dataId }: TensorInfo, key: string, kept: Kept): void {
    this.#kept.set(dataId, (this.#kept.get(dataId) ?? new Map()).set(key, kept));
  }

  #forget(dataId: object): void {
    for (const { address, bytes, isOurs } of this.#kept.get(dataId)!.values()) {
      this.#onFree(address, bytes);
      if (isOurs) this.#backend.wasm?._free(address);
    }
    this.#kept.delete(dataId);
  }
}
