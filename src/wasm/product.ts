import type { Kernels } from './kernels.js';
import { rangesOf } from './parts.js';
import { runTasks, type Tools } from './run.js';
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

/** Computes a product on at most `threads` threads, each of which sums some of the terms, with its own rows of B. */
export function multiply(
  tools: Tools,
  product: Product,
  { a, b, bias, c }: Addresses,
  threads: number,
): void {
  const { kernels } = tools;
  const { m, n, k, stepsA, stepsB, relu } = product;
  const way = wayOf(kernels, product, a);
  const ranges = rangesOf(k, threads);
  const isShared = ranges.length > 1;
  const tasks = ranges.map(([first, end], i): Task => {
    const part = { ...product, k: end - first, relu: relu && !isShared };
    return {
      kernel: way,
      operands: [
        { address: a + first * stepsA[1], bytes: 4 * m * k - first * stepsA[1], use: 'read' },
        { address: b + first * stepsB[0], bytes: 4 * n * part.k, use: isShared ? 'keep' : 'read' },
        { address: i === 0 ? bias : 0, bytes: 4 * n, use: 'read' },
        { address: c, bytes: 4 * m * n, use: i === 0 ? 'write' : 'add' },
        { address: 0, bytes: workOf(kernels, way, part), use: 'work' },
      ],
      args: (addresses) => argsOf(way, part, addresses),
    };
  });
  runTasks(tools, tasks);
  if (relu && isShared) kernels.clamp(m * n, c, c, 0, Number.POSITIVE_INFINITY);
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

function argsOf(way: Way, { m, n, k, stepsA, stepsB, relu }: Product, addresses: number[]): number[] {
  const [a, b, bias, c, work] = addresses as [number, number, number, number, number];
  const matrices = way === 'productOfFew' ? [a, stepsA[0], b] : [a, ...stepsA, b, ...stepsB];
  return [m, n, k, ...matrices, c, bias, Number(relu), work];
}
