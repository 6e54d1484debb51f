import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, allocate, type WasmBackend, withMemory } from './backend.js';

/** A filter's form for a convolution. */
export interface Form {
  /** Identifies the form among those of a filter of this shape. */
  key: string;
  bytes: number;
  /** Writes the form of the filter at `filter` to `to`. */
  write(filter: number, to: number): void;
}

/**
 * The forms of filters for convolutions: transforms, panels. When a filter is used for the first time, its form is computed for
 * that call only, because training changes weights before they are used again, and a single prediction should not take the
 * memory. From the second use, it is kept until the filter is disposed: tfjs never changes the numbers of a tensor, so the form
 * stays valid.
 */
export class Filters {
  readonly #backend: WasmBackend;
  readonly #seen = new WeakMap<object, Set<string>>();
  /** The addresses of forms. */
  readonly #kept = new Map<object, Map<string, number>>();

  /** Watches the backend's disposals until `close`. */
  constructor(backend: WasmBackend) {
    this.#backend = backend;
    const dispose = backend.disposeData;
    backend.disposeData = (dataId, force) => {
      const done = dispose.call(backend, dataId, force);
      if (this.#kept.has(dataId) && backend.refCount(dataId) === 0) this.forget(dataId);
      return done;
    };
  }

  /** How many forms are kept. */
  get size(): number {
    return [...this.#kept.values()].reduce((count, forms) => count + forms.size, 0);
  }

  /** Runs `use` with the address of a filter's form. */
  with<T>(filter: TensorInfo, form: Form, use: (address: number) => T): T {
    // Of the shape too, since tensors that reshape has made share their data.
    const key = `${form.key} ${filter.shape}`;
    const kept = this.#kept.get(filter.dataId)?.get(key);
    if (kept !== undefined) return use(kept);
    if (this.#isNew(filter, key)) {
      return withMemory(this.#backend, form.bytes, (address) => {
        form.write(addressOf(this.#backend, filter), address);
        return use(address);
      });
    }
    const address = allocate(this.#backend, form.bytes);
    form.write(addressOf(this.#backend, filter), address);
    const { dataId } = filter;
    this.#kept.set(dataId, (this.#kept.get(dataId) ?? new Map()).set(key, address));
    return use(address);
  }

  /** Frees all memory, and restores the backend's own `disposeData`. */
  close(): void {
    for (const dataId of [...this.#kept.keys()]) this.forget(dataId);
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

  /** Frees the forms of a filter, as when its numbers change. */
  forget(dataId: object): void {
    for (const address of this.#kept.get(dataId)?.values() ?? []) this.#backend.wasm?._free(address);
    this.#kept.delete(dataId);
    this.#seen.delete(dataId);
  }
}
