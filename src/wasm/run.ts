import type { KernelFunc } from '@tensorflow/tfjs-core';
import type { OwnKernels } from '../tfjs/kernels.js';
import type { WasmBackend } from './backend.js';
import type { Filters } from './filters.js';
import type { Helper } from './helper.js';
import type { Kernels } from './kernels.js';
import type { Place } from './operands.js';
import type { Task } from './tasks.js';

/** A backend, and everything that the kernels use on it. */
export interface Tools {
  backend: WasmBackend;
  /** The library's WebAssembly on the backend's memory. */
  kernels: Kernels;
  /** Transforms of filters that are used again. */
  filters: Filters;
  /** The backend's memory, where `kernels` compute. */
  place: Place;
  /** Other threads, if any. */
  helpers: Helper[];
}

/** A call of a kernel: its inputs and attributes, and the backend's own kernel if there is one. */
export interface Call<Inputs, Attrs> extends Tools {
  inputs: Inputs;
  attrs: Attrs;
  /** The backend's own kernel, on the same or on other inputs and attributes. */
  stock: (inputs: Inputs, attrs: Attrs) => ReturnType<KernelFunc>;
}

/** A call of a kernel that tfjs does not have. */
export type OwnCall<N extends keyof OwnKernels> = Call<OwnKernels[N]['inputs'], OwnKernels[N]['attrs']>;

/**
 * Runs tasks: the first on this thread, each other one on a helper, or on this thread if the helper is not ready. Results are
 * collected in the order of the tasks, so that sums do not depend on which thread computed them.
 */
export function runTasks({ kernels, place, helpers }: Tools, tasks: Task[]): void {
  const here = ({ kernel, operands, args }: Task) => {
    const laid = place.lay(operands);
    const run = kernels[kernel] as (...args: number[]) => void;
    const finish = () => {
      run(...args(laid.addresses));
      laid.finish();
    };
    return { ...laid, finish };
  };
  const started: { finish(): void; drop(): void }[] = [];
  try {
    for (const [i, task] of tasks.entries())
      if (i > 0) started.push(helpers[i - 1]!.start(task) ?? here(task));
    started.unshift(here(tasks[0]!));
    for (const one of started) one.finish();
  } finally {
    for (const one of started) one.drop();
  }
}
