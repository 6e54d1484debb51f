import { type Tensor, tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { dequantize, type QuantizedDtype, quantize, unquantizable } from '../weights/formats/quantization.js';
import { isRounded } from '../weights/rounded.js';

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
    const numbers = (await (variable.read() as Tensor).data()) as Float32Array;
    const beyond = unquantizable(numbers, dtype);
    if (beyond !== undefined) {
      fail(
        where,
        `${variable.originalName} has the number ${beyond}, which ${dtype} does not hold; ${remedy}.`,
      );
    }
    const rounded = tensor(dequantize(quantize(numbers, dtype)), variable.shape as number[]);
    // `write` would apply the constraint of training.
    (variable.read() as Variable).assign(rounded);
    rounded.dispose();
  }
}
