import type { Tensor } from '@tensorflow/tfjs-core';
import { size } from '../../base/shapes.js';
import type { Content } from '../formats/content.js';
import { type EncodedDtype, encode } from '../formats/numbers.js';
import { BYTES_PER_ELEMENT } from '../formats/tensor.js';
import { type Axes, gatherRows } from '../layout/axes.js';
import type { Target } from '../names/targets.js';

type Variable = Target['variable'];

export function shapeOf(variable: Variable): number[] {
  return variable.shape as number[];
}

/** Rows gathered at a time; see `readWeight`. */
export const ROWS = 64;

/**
 * A weight's numbers, fetched from the backend only when they are written.
 *
 * @param options.axes the axes of a kernel, to write it in PyTorch's order.
 * @param options.add a number to add to each.
 * @param options.check throws for numbers that the type does not hold.
 */
export function numbersOf(
  variable: Variable,
  {
    dtype = 'F32',
    axes,
    add = 0,
    check,
  }: { dtype?: EncodedDtype; axes?: Axes; add?: number; check?: (numbers: Float32Array) => void } = {},
): Content {
  return {
    size: size(shapeOf(variable)) * BYTES_PER_ELEMENT[dtype],
    async write(into) {
      const stored = (await (variable.read() as Tensor).data()) as Float32Array;
      const numbers = add === 0 ? stored : stored.map((value) => value + add);
      check?.(numbers);
      if (!axes) return into.set(encode(numbers, dtype));
      const row = axes.channels * axes.window;
      for (let first = 0, at = 0; first < axes.out; first += ROWS) {
        const piece = new Float32Array(row * Math.min(ROWS, axes.out - first));
        gatherRows(numbers, first, axes, piece);
        const bytes = encode(piece, dtype);
        into.set(bytes, at);
        at += bytes.length;
      }
    },
  };
}
