import type { Operand } from './operands.js';
import type { Tools } from './run.js';

/** The kernels that may run on other threads, each over a part of a convolution or of a product. */
export const SHARED_KERNELS = [
  'convolve',
  'direct',
  'filterGradient',
  'directFilterGradient',
  'product',
  'productOfFew',
  'sparseProduct',
] as const;

/** A run of a kernel. */
export interface Task {
  kernel: (typeof SHARED_KERNELS)[number];
  operands: Operand[];
  /** The kernel's arguments, given where the operands lie. */
  args(addresses: number[]): number[];
}

/**
 * Runs tasks: the first on this thread, each other on a helper, or here too while its thread is not ready. Results are
 * brought home in their order, so that sums are the same whichever thread made them.
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
