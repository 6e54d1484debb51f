import type { KernelFunc } from '@tensorflow/tfjs-core';
import type { OwnKernels } from '../tfjs/kernels.js';
import { type WasmBackend, withMemory } from './backend.js';
import type { Filters } from './filters.js';
import type { Helper } from './helper.js';
import type { Kernels } from './kernels.js';
import { rangesOf, type Task } from './tasks.js';

/** A backend, and everything that the kernels use on it. */
export interface Tools {
  backend: WasmBackend;
  /** The library's WebAssembly on the backend's memory. */
  kernels: Kernels;
  /** Transforms of filters that are used again. */
  filters: Filters;
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

/** The least work that is worth another thread, in nanoseconds of one thread; waking it takes about 20,000. */
const MIN_WORK = 100_000;

/**
 * Divides units of work between the threads.
 *
 * @param nanoseconds how long a unit takes one thread, roughly.
 */
export function shares({ helpers }: Tools, units: number, nanoseconds: number): [from: number, to: number][] {
  const worthwhile = Math.floor((units * nanoseconds) / MIN_WORK);
  return rangesOf(units, Math.min(helpers.length + 1, worthwhile));
}

/** Nanoseconds of one thread for a multiplication and an addition. */
export const PER_TERM = 0.06;

/** Nanoseconds of one thread to read or write a number in memory. */
export const PER_NUMBER = 0.3;

/** Numbers that are not divided: whole vectors and whole cache lines. */
const UNIT = 1024;

/**
 * Runs a kernel, whose arguments are a count, the addresses of that many numbers each, and then `rest`, on all threads, each
 * with some of the numbers.
 */
export function shareNumbers(
  tools: Tools,
  kernel: Task['kernel'],
  count: number,
  tensors: readonly number[],
  rest: readonly number[] = [],
): void {
  const tasks = shares(tools, Math.ceil(count / UNIT), UNIT * tensors.length * PER_NUMBER).map(
    ([from, to]): Task => ({
      kernel,
      args: () => [
        Math.min(count, to * UNIT) - from * UNIT,
        ...tensors.map((address) => address + 4 * UNIT * from),
        ...rest,
      ],
    }),
  );
  runTasks(tools, tasks);
}

/** Bytes between the working memories of tasks, so that no two threads write to the same cache line. */
const LINE = 64;

/**
 * Runs tasks at the same time: the first on this thread, each other one on a helper, or on this thread if the helper is not
 * ready. The results do not depend on which thread ran what.
 */
export function runTasks({ backend, kernels, helpers }: Tools, tasks: readonly Task[]): void {
  const sizes = tasks.map(({ bytes = 0 }) => Math.ceil(bytes / LINE + 1) * LINE);
  withMemory(
    backend,
    sizes.reduce((sum, size) => sum + size, LINE),
    (memory) => {
      let next = Math.ceil(memory / LINE) * LINE;
      const calls = tasks.map(({ kernel, args }, i) => {
        const work = next;
        next += sizes[i]!;
        return { kernel, args: args(work) };
      });
      const busy: Helper[] = [];
      try {
        const mine = calls.filter(({ kernel, args }, i) => {
          const helper = i > 0 && helpers[i - 1]!.start(kernel, args) && helpers[i - 1]!;
          if (helper) busy.push(helper);
          return !helper;
        });
        for (const { kernel, args } of mine) (kernels[kernel] as (...args: number[]) => void)(...args);
      } finally {
        for (const helper of busy) helper.wait();
      }
      for (const helper of busy) helper.check();
    },
  );
}
