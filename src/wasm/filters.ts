import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, allocate, type WasmBackend, withMemory } from './run.js';

/** A form that a convolution wants its filter in. */
export interface Form {
  /** Names the form; the same for the same form of the same filter. */
  key: string;
  bytes: number;
  /** Writes the form of the filter at `filter` to `to`. */
  write(filter: number, to: number): void;
}

/** A form that is kept, or weights where they lie. */
interface Kept {
  address: number;
  bytes: number;
  isOurs: boolean;
}

/**
 * What convolutions want their filters in: transforms, panels. The first time that a filter is seen its form is made
 * for that one call, since training changes weights before they are used again, and since a single prediction is not to
 * pay with memory. The second time it is kept, for as long as the filter's numbers are: tfjs never changes the numbers
 * of a tensor, it makes others, so a form is right until they are disposed, and then it goes with them. So it is with the
 * weights of dense layers, of which other threads keep a share as it is.
 */
export class Filters {
  readonly #backend: WasmBackend;
  readonly #seen = new WeakMap<object, Set<string>>();
  readonly #kept = new Map<object, Map<string, Kept>>();
  readonly #onFree: (address: number, bytes: number) => void;

  /** Learns from the backend what is disposed, until `close`, and tells `onFree` what was kept and is no more. */
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

  /** Runs `use` with the address of a filter's form, and whether it is kept. */
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

  /** Whether weights are used as they lie for more than the first time. When such are disposed `onFree` is told. */
  isUsedAgain(weights: TensorInfo): boolean {
    const key = 'weights';
    if (this.#kept.get(weights.dataId)?.has(key)) return true;
    if (this.#isNew(weights, key)) return false;
    const address = addressOf(this.#backend, weights);
    this.#keep(weights, key, { address, bytes: 4 * util.sizeFromShape(weights.shape), isOurs: false });
    return true;
  }

  /** Gives all memory back, and the backend its own way to dispose. */
  close(): void {
    for (const dataId of [...this.#kept.keys()]) this.#forget(dataId);
    // The method of the class, which was hidden by one of the object's own.
    Reflect.deleteProperty(this.#backend, 'disposeData');
  }

  /** Whether a form of a filter was not asked for before. From now on it was. */
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
