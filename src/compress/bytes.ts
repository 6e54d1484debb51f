import { type LayersModel, type LayerVariable, version_layers } from '@tensorflow/tfjs-layers';
import { size } from '../base/shapes.js';
import { VERSION } from '../base/version.js';
import { topologyOf } from '../tfjs/configurations.js';
import type { QuantizedDtype } from '../weights/formats/quantization.js';
import { isRounded } from '../weights/rounded.js';

/** How weights are stored, the default first. */
export const STORED = ['uint8', 'uint16', 'float16', 'none'] as const;

/** How the kernels of a compressed model are stored: rounded to a type of `saveModel`, or as they are. */
export type StoredAs = QuantizedDtype | 'none';

/** The bytes of a number of a kernel. */
export const BYTES: Readonly<Record<StoredAs, number>> = { uint8: 1, uint16: 2, float16: 2, none: 4 };

/** The bytes of weights in a file. */
export function weightBytes(weights: readonly LayerVariable[], stored: StoredAs): number {
  return weights.reduce(
    (sum, one) => sum + size(one.shape as number[]) * BYTES[isRounded(one) ? stored : 'none'],
    0,
  );
}

/** The longest numbers in JSON: of 17 digits, and small enough for zeros before them, but not for an exponent. */
const [SCALE, MIN] = [0.0000012345678901234567, -0.0000012345678901234567];
/** The bytes of `fileSystem`'s files of weights. */
const SHARD = 64 * 2 ** 20;

/**
 * The bytes that `saveModel` and `fileSystem` write as `model.json`, at most: how many digits the scales of kernels have shows only once
 * these are rounded, and makes it some bytes less a kernel.
 *
 * @param bytes those of the weights.
 */
export function manifestBytes(model: LayersModel, stored: StoredAs, bytes: number): number {
  const affine = stored !== 'float16' && { scale: SCALE, min: MIN };
  const weights = model.weights.map((one) => ({
    name: one.originalName,
    shape: one.shape,
    dtype: one.dtype,
    ...(stored !== 'none' &&
      isRounded(one) && { quantization: { dtype: stored, original_dtype: one.dtype, ...affine } }),
  }));
  const count = Math.ceil(bytes / SHARD);
  const paths = Array.from({ length: count }, (_, i) => `weights-01234567-${i + 1}of${count}.bin`);
  const json = {
    modelTopology: topologyOf(model),
    weightsManifest: [{ paths, weights }],
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${version_layers}`,
    convertedBy: `vgg-blocks ${VERSION}`,
    userDefinedMetadata: model.getUserDefinedMetadata(),
  };
  return new TextEncoder().encode(JSON.stringify(json)).length;
}
