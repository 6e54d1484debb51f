import { type DataType, type MeanAttrs, type SumAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { addressOf, filled } from './backend.js';
import { type Call, PER_NUMBER, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';

/**
 * Sums over neighboring axes, in float64, rounded once; the backend's own kernel, which adds one by one in float32, and transposes
 * the tensor first unless the axes are the last, computes those over others.
 */
export function sum(call: Call<{ x: TensorInfo }, SumAttrs>) {
  return reduced(call, () => 1, call.inputs.x.dtype);
}

/** Means over neighboring axes, likewise. Those of no numbers are NaN. */
export function mean(call: Call<{ x: TensorInfo }, MeanAttrs>) {
  return reduced(call, (count) => count, 'float32');
}

/** The sums, divided by `divisor`, of the columns of numbers at the address `x`; of each block of them, `[blocks, rows, columns]`. */
export function sumRows(
  tools: Tools,
  x: number,
  rows: number,
  columns: number,
  to: number,
  { divisor = 1, blocks = 1 } = {},
): void {
  // Each thread has whole blocks, or whole vectors of columns.
  const byBlock = blocks > tools.helpers.length;
  const [units, numbers] = byBlock ? [blocks, rows * columns] : [Math.ceil(columns / 16), 16 * rows * blocks];
  const tasks = shares(tools, units, numbers * PER_NUMBER).map(([from, next]): Task => {
    const [block, endBlock, first, end] = byBlock
      ? [from, next, 0, columns]
      : [0, blocks, 16 * from, Math.min(columns, 16 * next)];
    return {
      kernel: 'sumRows',
      bytes: tools.kernels.sumRowsBytes(columns),
      args: (work) => [
        ...[x + 4 * block * rows * columns, endBlock - block, rows, columns, first, end],
        ...[to + 4 * block * columns, divisor, work],
      ],
    };
  });
  runTasks(tools, tasks);
}

/** The sums, divided by `divisor`, of the rows of numbers at the address `x`. Each thread has some of the rows. */
function sumColumns(
  tools: Tools,
  x: number,
  rows: number,
  columns: number,
  to: number,
  divisor: number,
): void {
  const tasks = shares(tools, rows, columns * PER_NUMBER).map(
    ([first, end]): Task => ({
      kernel: 'sumColumns',
      args: () => [x + 4 * first * columns, end - first, columns, to + 4 * first, divisor],
    }),
  );
  runTasks(tools, tasks);
}

function reduced(
  call: Call<{ x: TensorInfo }, SumAttrs>,
  divisorOf: (count: number) => number,
  dtype: DataType,
) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const axes = util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const shape = x.shape.flatMap((length, axis) =>
    !axes.includes(axis) ? [length] : attrs.keepDims ? [1] : [],
  );
  // The backend's own kernel traps, or returns what was in memory.
  if (size(x.shape) === 0) return filled(backend, shape, dtype, 0 / divisorOf(0));
  const [first = 0] = axes;
  const areNeighbors = axes.length > 0 && axes.every((axis, i) => axis === first + i);
  if (!areNeighbors || x.dtype !== 'float32') return stock(inputs, attrs);
  const [outer, count, inner] = [
    x.shape.slice(0, first),
    axes.map((axis) => x.shape[axis]!),
    x.shape.slice(first + axes.length),
  ].map(size) as [number, number, number];
  const y = backend.makeOutput(shape, 'float32');
  const [from, to] = [addressOf(backend, x), addressOf(backend, y)];
  const divisor = divisorOf(count);
  if (inner === 1) sumColumns(call, from, outer, count, to, divisor);
  else sumRows(call, from, count, inner, to, { divisor, blocks: outer });
  return y;
}
