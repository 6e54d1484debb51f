import {
  concat,
  dispose,
  keep,
  reshape,
  type Tensor,
  tensor1d,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import {
  dequantize,
  type QuantizedDtype,
  quantize,
  rangeOf,
  unquantizable,
} from '../weights/formats/quantization.js';
import { isRounded } from '../weights/rounded.js';
import { numbersOf } from './numbersOf.js';

/**
 * Rounds the kernels among weights to the numbers that a file of this type restores.
 *
 * @param remedy what to do where the type does not hold a number.
 */
export async function roundKernels(
  where: string,
  weights: readonly LayerVariable[],
  dtype: QuantizedDtype,
  remedy: string,
): Promise<void> {
  for (const variable of weights.filter(isRounded)) {
    const kernel = variable.read() as Variable;
    let range = rangeOf(new Float32Array());
    for await (const { numbers } of numbersOf(kernel)) {
      const beyond = unquantizable(numbers, dtype);
      if (beyond !== undefined) {
        fail(
          where,
          `${variable.originalName} has the number ${beyond}, which ${dtype} does not hold; ${remedy}.`,
        );
      }
      range = rangeOf(numbers, range);
    }
    const parts: Tensor[] = [];
    try {
      for await (const { numbers } of numbersOf(kernel)) {
        parts.push(keep(tensor1d(dequantize(quantize(numbers, dtype, range)))));
      }
      const rounded = tidy(() => reshape(concat(parts), kernel.shape));
      // `write` would apply the constraint of training.
      kernel.assign(rounded);
      rounded.dispose();
    } finally {
      dispose(parts);
    }
  }
}
