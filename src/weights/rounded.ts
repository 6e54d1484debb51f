import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { isAverage } from '../core/vgg.js';

/**
 * Whether `saveModel` rounds a weight: kernels. Biases and what normalizations have are vectors, and stay; so do the averages of `adaptivePool`,
 * which are constants that readers know.
 */
export function isRounded({ originalName, shape, dtype }: LayerVariable): boolean {
  const layer = originalName.slice(0, originalName.lastIndexOf('/'));
  return dtype === 'float32' && shape.length >= 2 && !isAverage(layer);
}
