import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { size } from '../base/shapes.js';
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

/** What `model.json` needs for a weight besides its name: shape, type, scale and smallest number, as long as they may be. */
const ENTRY = 240;
/** What it needs besides the layers and the weights: who wrote it, and the names of 64 files of weights. */
const FRAME = 4096;

/**
 * The bytes of `model.json` at most, when some dense layers become two.
 *
 * @param divided those layers.
 */
export function manifestBytes(model: LayersModel, divided: readonly layers.Layer[]): number {
  const lengthOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value ?? '')).length;
  const entries = model.weights.reduce((sum, { originalName }) => sum + lengthOf(originalName) + ENTRY, 0);
  const further = divided.reduce(
    (sum, layer) => sum + lengthOf(layer.getConfig()) + 8 * lengthOf(layer.name) + 4 * ENTRY,
    0,
  );
  const topology = lengthOf(model.toJSON(null, false));
  return FRAME + topology + lengthOf(model.getUserDefinedMetadata()) + entries + further;
}
