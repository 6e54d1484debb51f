import { floats } from './backend.js';
import type { Kernels } from './kernels.js';
import { PER_NUMBER, PER_TERM, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/**
 * C = A B + bias, then ReLU if `relu`: A is `[m, k]`, B `[k, n]`, C `[m, n]` row by row. Steps are the bytes from row to row
 * and from column to column.
 */
interface Product {
  m: number;
  n: number;
  k: number;
  stepsA: readonly [number, number];
  stepsB: readonly [number, number];
  relu: boolean;
}

/** The addresses of a product's operands; the address 0 stands for no bias. */
interface Addresses {
  a: number;
  b: number;
  bias: number;
  c: number;
}

/** The kernels that compute products. */
type Way = 'product' | 'productOfFew' | 'sparseProduct';

/** The maximum number of rows of A for which B is read unpacked: packing pays only if B is used more often. */
const FEW = 32;

/**
 * Skipping A's zeros pays from this fraction of zeros (half after ReLU, three quarters after ReLU and dropout), this number of
 * rows of A (with fewer, reading B takes most of the time) and this number of columns of B.
 */
const ZEROS = { fraction: 0.4, rows: 9, columns: 256 };

/** Computes a product. Each thread computes some columns, so that numbers do not depend on how many there are. */
export function multiply(tools: Tools, product: Product, addresses: Addresses): void {
  const { m, n, k } = product;
  if (m * n === 0) return;
  if (k === 0) return void floats(tools.backend, addresses.c, m * n).fill(0);
  const way = wayOf(tools.kernels, product, addresses.a);
  const bytes = workOf(tools.kernels, way, product);
  const tasks = shares(tools, Math.ceil(n / 8), 8 * k * (m * PER_TERM + PER_NUMBER)).map(
    ([from, to]): Task => ({
      kernel: way,
      bytes,
      args: (work) => argsOf(way, product, addresses, [8 * from, Math.min(n, 8 * to)], work),
    }),
  );
  runTasks(tools, tasks);
}

function wayOf(kernels: Kernels, { m, n, k, stepsA, stepsB }: Product, a: number): Way {
  const maySkip = m >= ZEROS.rows && n >= ZEROS.columns;
  if (maySkip && kernels.zeros(m * k, a) > ZEROS.fraction * m * k) return 'sparseProduct';
  return m <= FEW && stepsA[1] === 4 && stepsB[1] === 4 ? 'productOfFew' : 'product';
}

/** Bytes of working memory. */
function workOf(kernels: Kernels, way: Way, { m, n, k, stepsB }: Product): number {
  if (way === 'sparseProduct') return kernels.sparseBytes(n, k);
  return way === 'productOfFew' ? kernels.productOfFewBytes(m, n) : kernels.productBytes(m, n, k, stepsB[1]);
}

function argsOf(
  way: Way,
  { m, n, k, stepsA, stepsB, relu }: Product,
  { a, b, bias, c }: Addresses,
  columns: [first: number, end: number],
  work: number,
): number[] {
  const matrices = way === 'productOfFew' ? [a, stepsA[0], b] : [a, ...stepsA, b, ...stepsB];
  return [m, n, k, ...columns, ...matrices, c, bias, Number(relu), work];
}
