import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from './backend.js';

/** A form of weights that a kernel computes with, such as a filter's transform. */
export interface Form {
  /** Identifies the form among those of a tensor of this shape. */
  key: string;
  make(): TensorInfo;
  /** Whether to keep it from the first use. */
  always?: boolean;
}

/**
 * Forms of weights. When weights are used for the first time, their form is computed for that call only, because training changes
 * them before they are used again. From the second use, it is kept until the weights are disposed: tfjs never changes the numbers
 * of a tensor, so the form stays valid.
 */
export class KeptForms {
  readonly #backend: WebgpuBackend;
  readonly #seen = new WeakMap<object, Set<string>>();
  readonly #kept = new Map<object, Map<string, TensorInfo>>();

  /** Watches the backend's disposals until `close`. */
  constructor(backend: WebgpuBackend) {
    this.#backend = backend;
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

  /** Runs `use` with a form of weights. */
  with<T>(
    { dataId, shape }: TensorInfo,
    { key: name, make, always = false }: Form,
    use: (form: TensorInfo) => T,
  ): T {
    // Of the shape too, since tensors that reshape has made share their data.
    const key = `${name} ${shape}`;
    const kept = this.#kept.get(dataId)?.get(key);
    if (kept) return use(kept);
    const form = make();
    if (always || !this.#isNew(dataId, key)) {
      this.#kept.set(dataId, (this.#kept.get(dataId) ?? new Map()).set(key, form));
      return use(form);
    }
    try {
      return use(form);
    } finally {
      this.#backend.disposeData(form.dataId);
    }
  }

  /** Frees all memory, and restores the backend's own `disposeData`. */
  close(): void {
    for (const dataId of [...this.#kept.keys()]) this.#forget(dataId);
    // The own property hides the class's method.
    Reflect.deleteProperty(this.#backend, 'disposeData');
  }

  /** Whether a form is used for the first time. */
  #isNew(dataId: object, key: string): boolean {
    const seen = this.#seen.get(dataId) ?? new Set();
    if (seen.has(key)) return false;
    this.#seen.set(dataId, seen.add(key));
    return true;
  }

  #forget(dataId: object): void {
    for (const form of this.#kept.get(dataId)?.values() ?? []) this.#backend.disposeData(form.dataId);
    this.#kept.delete(dataId);
    this.#seen.delete(dataId);
  }
}
