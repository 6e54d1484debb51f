import type { LayersModel } from '@tensorflow/tfjs-layers';
import { tapOf } from './taps.js';

/**
 * Where a layer or a block lies among a model's layers: the indices of its first and last layer, which are the same unless
 * the name is a block's (`block5`).
 *
 * @param name a block, a layer, or any other name that `featureExtractor` takes.
 * @throws RangeError when there is none of that name.
 */
export function placeOf(where: string, model: LayersModel, name: string): { first: number; last: number } {
  const names = model.layers.map((layer) => layer.name);
  const inBlock = (layer: string) => layer.startsWith(`${name}_`);
  const first = /^block\d+$/.test(name) ? names.findIndex(inBlock) : -1;
  if (first >= 0) return { first, last: names.findLastIndex(inBlock) };
  const at = names.indexOf(tapOf(where, model, name).layer);
  return { first: at, last: at };
}
