import type { Kernels } from './kernels.js';
import { floats } from './operands.js';
import { shares } from './parts.js';
import type { Tools } from './run.js';
import { runTasks, type Task } from './tasks.js';

/**
 * C = A B + bias, then ReLU where asked for: A is `[m, k]`, B `[k, n]`, C `[m, n]` row by row. Steps are the bytes from row to
 * row and from column to column.
 */
interface Product {
  m: number;
  n: number;
  k: number;
  stepsA: readonly [number, number];
  stepsB: readonly [number, number];
  relu: boolean;
}

/** Where the numbers of a product lie; a bias at 0 is none. */
interface Addresses {
  a: number;
  b: number;
  bias: number;
  c: number;
}

/** How a product may be computed. */
type Way = 'product' | 'productOfFew' | 'sparseProduct';

/** Rows of A up to which B is read where it lies: packed first, it would have to be used more often to pay. */
const FEW = 32;

/**
 * Where it pays to leave A's zeros out: from which share of it on, which is half behind ReLU and three quarters behind dropout
 * too; from which rows of A on, since for fewer fetching B is most of the time; and from which columns of B on.
 */
const ZEROS = { share: 0.4, rows: 9, columns: 256 };

/** Computes a product on so many threads, each of which sums up some of the terms with its own rows of B. */
export function multiply(
  tools: Tools,
  product: Product,
  { a, b, bias, c }: Addresses,
  threads: number,
): void {
  const { kernels, place } = tools;
  const { m, n, k, stepsA, stepsB, relu } = product;
  const way = wayOf(kernels, product, a);
  const tasks = shares(k, threads).map(([first, end], i): Task => {
    const part = { ...product, k: end - first, relu: relu && threads === 1 };
    return {
      kernel: way,
      operands: [
        { address: a + first * stepsA[1], bytes: 4 * m * k - first * stepsA[1], use: 'read' },
        { address: b + first * stepsB[0], bytes: 4 * n * part.k, use: threads > 1 ? 'keep' : 'read' },
        { address: i === 0 ? bias : 0, bytes: 4 * n, use: 'read' },
        { address: c, bytes: 4 * m * n, use: i === 0 ? 'write' : 'add' },
        { address: 0, bytes: workOf(kernels, way, part), use: 'work' },
      ],
      args: (addresses) => argsOf(way, part, addresses),
    };
  });
  runTasks(tools, tasks);
  if (relu && threads > 1) {
    const sums = floats(place.memory, c, 4 * m * n);
    for (let i = 0; i < sums.length; i++) if (sums[i]! < 0) sums[i] = 0;
  }
}

function wayOf(kernels: Kernels, { m, n, k, stepsA, stepsB }: Product, a: number): Way {
  const maySkip = m >= ZEROS.rows && n >= ZEROS.columns;
  if (maySkip && kernels.zeros(m * k, a) > ZEROS.share * m * k) return 'sparseProduct';
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
