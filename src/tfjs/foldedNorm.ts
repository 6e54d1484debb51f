import { add, div, mul, sqrt, sub, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { type Behind, behind, isNorm } from './fusedNorm.js';
import { isFrozen, onlyReader } from './models.js';

/** A frozen batch normalization that a convolution can do, and the layers behind it. */
export interface FrozenNorm extends Behind {
  norm: layers.Layer;
}

/** The frozen batch normalization that alone reads a convolution without an activation, if there is one. */
export function frozenNormBehind(model: LayersModel, layer: layers.Layer): FrozenNorm | undefined {
  const isPlain = layer.getClassName() === 'Conv2D' && layer.getConfig().activation === 'linear';
  const norm = isPlain ? onlyReader(model, layer) : undefined;
  if (!norm || !isFrozen(norm) || !isNorm(norm)) return undefined;
  return [-1, 3].includes(norm.getConfig().axis as number) ? { norm, ...behind(model, norm) } : undefined;
}

/**
 * The filter and bias of a convolution that does the normalization, too: statistics that do not move only scale and shift each
 * channel. The gradients of its own filter and bias are those of these times `factor`.
 */
export function foldNorm(
  norm: layers.Layer,
  { filter, bias = 0 }: { filter: Tensor; bias?: Tensor | number },
): Record<'filter' | 'bias' | 'factor', Tensor> {
  return tidy(() => {
    const read = (name: string) =>
      norm.weights.find(({ originalName }) => originalName.endsWith(name))?.read() as Tensor | undefined;
    const deviation = sqrt(add(read('moving_variance')!, norm.getConfig().epsilon as number));
    const factor = div(read('gamma') ?? 1, deviation);
    const shifted = mul(sub(bias, read('moving_mean')!), factor);
    return { filter: mul(filter, factor), bias: add(shifted, read('beta') ?? 0), factor };
  });
}
