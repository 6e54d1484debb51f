import { type LayersModel, type LayerVariable, version_layers } from '@tensorflow/tfjs-layers';
import { size } from '../base/shapes.js';
import { VERSION } from '../base/version.js';
import { isKernel, type QuantizedDtype } from '../weights/formats/quantization.js';

/** How weights are stored, the default first. */
export const STORED = ['uint8', 'uint16', 'float16', 'none'] as const;

/** How the kernels of a compressed model are stored: rounded to a type of `saveModel`, or as they are. */
export type StoredAs = QuantizedDtype | 'none';

/** The bytes of a number of a kernel. */
export const BYTES: Readonly<Record<StoredAs, number>> = { uint8: 1, uint16: 2, float16: 2, none: 4 };

/** Whether `saveModel` rounds a weight: kernels alone, not vectors. */
export function isRounded({ shape, dtype }: LayerVariable): boolean {
  return isKernel(shape) && dtype === 'float32';
}

/** The bytes of weights in a file. */
export function weightBytes(weights: readonly LayerVariable[], stored: StoredAs): number {
  return weights.reduce(
    (sum, one) => sum + size(one.shape as number[]) * BYTES[isRounded(one) ? stored : 'none'],
    0,
  );
}

/** Fractions of numbers in JSON have at most this many characters. */
const LONGEST = 1.2345678901234567e-123;
/** What a rank may have of digits more than 1, in the two layers and in their two weights. */
const DIGITS = 4 * 4;
/** The bytes of `fileSystem`'s files of weights, and the length of their names in `model.json`. */
const [SHARD, NAME] = [64 * 2 ** 20, 40];

/**
 * The bytes that `saveModel` and `fileSystem` write as `model.json` at most.
 *
 * @param model the model, in which the dense layers have rank 1.
 * @param divided how many of those there are.
 * @param bytes those of the weights.
 */
export function manifestBytes(model: LayersModel, stored: StoredAs, divided: number, bytes: number): number {
  const weights = model.weights.map((one) => ({
    name: one.originalName,
    shape: one.shape,
    dtype: one.dtype,
    ...(stored !== 'none' &&
      isRounded(one) && {
        quantization: { dtype: stored, original_dtype: one.dtype, scale: LONGEST, min: -LONGEST },
      }),
  }));
  const json = {
    modelTopology: model.toJSON(null, false),
    weightsManifest: [{ paths: [], weights }],
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${version_layers}`,
    convertedBy: `vgg-blocks ${VERSION}`,
    userDefinedMetadata: model.getUserDefinedMetadata(),
  };
  const length = new TextEncoder().encode(JSON.stringify(json)).length;
  return length + divided * DIGITS + Math.ceil(bytes / SHARD) * NAME;
}
