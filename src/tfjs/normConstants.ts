import { ones, type Tensor, zeros } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';

/** What is used of a normalization, which has no scale or no offset where `scale` or `center` is false. */
interface Norm {
  axis: number | number[];
  scale: boolean;
  center: boolean;
  gamma?: { read(): Tensor } | null;
  beta?: { read(): Tensor } | null;
}

/** Whether a layer normalizes without a scale or without an offset, whose gradient tfjs fails to compute. */
export function lacksConstants(layer: layers.Layer): boolean {
  const { scale, center } = layer as unknown as Norm;
  return /^(Batch|Layer)Normalization$/.test(layer.getClassName()) && !(scale && center);
}

/** Gives a normalization of `inputs` a scale of ones and an offset of zeros, as far as it has none, while `work` runs. */
export function withConstants<T>(layer: layers.Layer, inputs: Tensor | Tensor[], work: () => T): T {
  const norm = layer as unknown as Norm;
  const { scale, center, gamma, beta } = norm;
  const [x] = [inputs].flat();
  const shape = [norm.axis].flat().map((axis) => x!.shape.at(axis)!);
  // As many as are read, in the scope that reads them.
  if (!scale) Object.assign(norm, { scale: true, gamma: { read: () => ones(shape) } });
  if (!center) Object.assign(norm, { center: true, beta: { read: () => zeros(shape) } });
  try {
    return work();
  } finally {
    Object.assign(norm, { scale, center, gamma, beta });
  }
}
