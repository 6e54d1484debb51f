import type { Count, Sides } from './webgpuCounts.js';

/** What the programs of tfjs-backend-webgpu 4.22 do, read from its code. */

/** A product in tiles. */
export function tiled(
  kernel: string,
  [rows, columns, terms]: Sides,
  tile: { rows: number; columns: number; perRow: number; perColumn: number; parts: number },
): Count {
  const groups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * tile.parts;
  const threads = (tile.rows / tile.perRow) * (tile.columns / tile.perColumn);
  const steps = Math.ceil(terms / tile.parts);
  const loaded = groups * steps * (tile.rows + tile.columns) * 4;
  return {
    ...{ kernel, invocations: groups * threads, steps },
    bytes: loaded + 4 * rows * columns * tile.parts,
    workgroupBytes: loaded + groups * steps * threads * (tile.perRow + tile.perColumn) * 4,
    operations: 2 * rows * columns * terms,
  };
}

/** 4x4 numbers of a tile of 32x32 in an invocation. */
export function product(sides: Sides): Count {
  return tiled('tiles 32x32', sides, { rows: 32, columns: 32, perRow: 4, perColumn: 4, parts: 1 });
}

/** The products of dense layers, of which few outputs are added up with atomic additions, 128 terms at a time. */
export function denseProduct([rows, columns, terms]: Sides): Count[] {
  const groups = Math.ceil(rows / 32) * Math.ceil(columns / 32);
  if (groups > 8 || terms < 2000) return [product([rows, columns, terms])];
  const perColumn = columns < 16 ? 1 : 4;
  const tile = { rows: 32, columns: 8 * perColumn, perRow: 4, perColumn, parts: Math.ceil(terms / 128) };
  return [elementwise('fill', rows * columns, 0), tiled('atomic sums', [rows, columns, terms], tile)];
}

/** A filter's gradient: an invocation for each weight. */
export function oneWeightEach(pixels: number, weights: number): Count {
  return {
    ...{ kernel: 'one weight each', invocations: weights, steps: pixels },
    ...{ bytes: 8 * pixels * weights, workgroupBytes: 0, operations: 2 * pixels * weights },
  };
}

/** The gradient of images: two pixels and four channels in an invocation, which reads both operands from memory. */
export function naive([rows, columns, terms]: Sides): Count {
  const invocations = (rows * columns) / 8;
  return {
    ...{ kernel: '2 pixels x 4 channels each', invocations, steps: terms, bytes: invocations * terms * 24 },
    ...{ workgroupBytes: 0, operations: 2 * rows * columns * terms },
  };
}

export function pool(inputs: number, outputs: number): Count {
  return {
    ...{ kernel: 'one output each', invocations: outputs, steps: 4, bytes: 4 * (inputs + outputs) },
    ...{ workgroupBytes: 0, operations: 3 * outputs },
  };
}

/** The places of the largest, then for each input the gradients of the windows whose largest it is. */
export function poolGradient(inputs: number, outputs: number): Count[] {
  const spread = { kernel: 'one input each', invocations: inputs, steps: 4 };
  return [
    pool(inputs, outputs),
    { ...spread, bytes: 4 * inputs * 3, workgroupBytes: 0, operations: 4 * inputs },
  ];
}

/** The step of y, and the gradient times it. */
export function relu(numbers: number): Count[] {
  return [elementwise('step', numbers, 1), elementwise('multiply', numbers, 2)];
}

/** Columns become rows, each of which a workgroup adds. */
export function columnSums(rows: number, columns: number): Count[] {
  const threads = rows >= 4096 ? 256 : 64;
  return [
    elementwise('transpose', rows * columns, 1),
    {
      ...{ kernel: 'a workgroup each', invocations: columns * threads },
      steps: Math.ceil(rows / threads) + Math.log2(threads),
      bytes: 4 * (rows * columns + columns),
      ...{ workgroupBytes: 12 * columns * threads, operations: rows * columns },
    },
  ];
}

/** The gradient times the rate, and the weights less that. */
export function update(weights: number): Count[] {
  return [elementwise('multiply', weights, 1), elementwise('subtract', weights, 2)];
}

/** Of the operations of softmax, cross-entropy, their gradients and the accuracy, those that reduce rows and those that do not. */
export function crossEntropy(examples: number, classes: number): Count[] {
  const numbers = examples * classes;
  const reduce: Count = {
    ...{ kernel: 'a workgroup each', invocations: 64 * examples, steps: Math.ceil(classes / 64) + 6 },
    ...{ bytes: 4 * (numbers + examples), workgroupBytes: 0, operations: numbers },
  };
  const all: Count = {
    ...{ kernel: 'one workgroup', invocations: 64, steps: Math.ceil(numbers / 64) + 6 },
    ...{ bytes: 4 * numbers, workgroupBytes: 0, operations: numbers },
  };
  const others = Array.from({ length: 16 }, () => elementwise('elementwise', numbers, 2));
  return [...others, reduce, reduce, reduce, all];
}

function elementwise(kernel: string, numbers: number, reads: number): Count {
  return {
    ...{ kernel, invocations: Math.ceil(numbers / 4), steps: 1 },
    ...{ bytes: 4 * numbers * (reads + 1), workgroupBytes: 0, operations: reads * numbers },
  };
}
