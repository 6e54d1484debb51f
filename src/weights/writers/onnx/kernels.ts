import type { Tensor } from '@tensorflow/tfjs-core';
import { fail } from '../../../base/check.js';
import { size } from '../../../base/shapes.js';
import type { Content } from '../../formats/content.js';
import { unquantizable } from '../../formats/quantization.js';
import { type Axes, gatherRows } from '../../layout/axes.js';
import type { Target } from '../../names/targets.js';
import { numbersOf, ROWS } from '../variable.js';
import type { OnnxGraph } from './graph.js';

type Variable = Target['variable'];

/** How kernels are stored. */
export const ONNX_DTYPES = ['float32', 'float16', 'int8'] as const;

/** How {@link toOnnx} stores the kernels of convolutions and dense layers. */
export type OnnxDtype = (typeof ONNX_DTYPES)[number];

/**
 * Adds a kernel in PyTorch's order, and what makes float32 of it where it is stored otherwise. Returns the name of its float32
 * numbers.
 */
export function addKernel(
  graph: OnnxGraph,
  dtype: OnnxDtype,
  { name, variable, axes, shape }: { name: string; variable: Variable; axes: Axes; shape: readonly number[] },
): string {
  if (dtype === 'float32') return graph.constant(name, 'float', shape, numbersOf(variable, { axes }));
  const layer = name.replace(/\/[^/]*$/, '');
  if (dtype === 'float16') {
    const stored = graph.constant(name, 'float16', shape, halves(name, variable, axes));
    return graph.add(layer, 'Cast', [stored], { to: 1 });
  }
  const { scales, numbers } = quantized(name, variable, axes);
  return graph.add(
    layer,
    'DequantizeLinear',
    [
      graph.constant(name, 'int8', shape, numbers),
      graph.constant(`${name}_scale`, 'float', [axes.out], scales),
    ],
    { axis: 0 },
  );
}

function halves(name: string, variable: Variable, axes: Axes): Content {
  return numbersOf(variable, {
    ...{ dtype: 'F16', axes },
    check(numbers) {
      const beyond = unquantizable(numbers, 'float16');
      if (beyond === undefined) return;
      fail('toOnnx', `${name} has the number ${beyond}, which float16 does not hold; pass dtype: 'float32'.`);
    },
  });
}

/** A kernel as int8, each row (an output channel) divided by its own scale: its largest magnitude becomes 127. */
function quantized(name: string, variable: Variable, axes: Axes): { scales: Content; numbers: Content } {
  let done: Promise<{ scales: Float32Array; numbers: Int8Array }> | undefined;
  let unwritten = 2;
  const content = (bytes: number, part: 'scales' | 'numbers'): Content => ({
    size: bytes,
    async write(into) {
      done ??= quantize(name, variable, axes);
      const { buffer } = (await done)[part];
      into.set(new Uint8Array(buffer as ArrayBuffer));
      if (--unwritten === 0) done = undefined;
    },
  });
  return {
    scales: content(4 * axes.out, 'scales'),
    numbers: content(size(variable.shape as number[]), 'numbers'),
  };
}

async function quantize(name: string, variable: Variable, axes: Axes) {
  const stored = (await (variable.read() as Tensor).data()) as Float32Array;
  const length = axes.channels * axes.window;
  const scales = new Float32Array(axes.out);
  const numbers = new Int8Array(length * axes.out);
  for (let first = 0; first < axes.out; first += ROWS) {
    const rows = new Float32Array(length * Math.min(ROWS, axes.out - first));
    gatherRows(stored, first, axes, rows);
    for (let at = 0; at < rows.length; at += length) {
      let largest = 0;
      for (let i = at; i < at + length; i++) largest = Math.max(largest, Math.abs(rows[i]!));
      if (!Number.isFinite(largest)) {
        fail(
          'toOnnx',
          `${name} has numbers that are NaN or infinite, which int8 does not hold; pass dtype: 'float32'.`,
        );
      }
      // A row of zeros has a scale that changes nothing.
      const scale = Math.fround(largest / 127) || 1;
      scales[first + at / length] = scale;
      for (let i = at, to = first * length + at; i < at + length; i++, to++) {
        numbers[to] = Math.round(rows[i]! / scale);
      }
    }
  }
  return { scales, numbers };
}
