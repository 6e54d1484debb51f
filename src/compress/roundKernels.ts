import { type Tensor, tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { dequantize, type QuantizedDtype, quantize, unquantizable } from '../weights/formats/quantization.js';
import { isRounded } from './bytes.js';

/** Rounds a model's kernels to the numbers that a file of this type restores. */
export async function roundKernels(where: string, model: LayersModel, dtype: QuantizedDtype): Promise<void> {
  for (const variable of model.weights.filter(isRounded)) {
    const numbers = (await (variable.read() as Tensor).data()) as Float32Array;
    const beyond = unquantizable(numbers, dtype);
    if (beyond !== undefined) {
      fail(
        where,
        `${variable.originalName} has the number ${beyond}, which ${dtype} does not hold; pass quantize: 'none'.`,
      );
    }
    const rounded = tensor(dequantize(quantize(numbers, dtype)), variable.shape as number[]);
    // `write` would apply the constraint of training.
    (variable.read() as Variable).assign(rounded);
    rounded.dispose();
  }
}
