import type { Operand } from './operands.js';

/** The kernels that may run on other threads, on a part of a convolution or product. */
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
  /** The kernel's arguments, from the operands' addresses. */
  args(addresses: number[]): number[];
}
