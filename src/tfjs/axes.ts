import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { configurationOf } from './configurations.js';
import { layersWithin } from './models.js';

/** The order of the axes of a layer's maps, `'channelsFirst'` or `'channelsLast'`; undefined where it has none. */
export function axesOf(layer: layers.Layer): unknown {
  // Flatten's says in which order it writes.
  return layer.getClassName() === 'Flatten' ? undefined : configurationOf(layer).dataFormat;
}

/**
 * Throws where the maps of a layer have their channels first, for a function that takes the last axis of a map for its channels. The
 * images may still have them last, if a layer permutes them.
 */
export function checkMaps(where: string, model: LayersModel): void {
  const layer = layersWithin(model).find((one) => axesOf(one) === 'channelsFirst');
  if (layer)
    fail(where, `layer ${layer.name} has its channels first; pass a model that has its channels last.`);
}

/** Throws for a model whose images have their channels first. */
export function checkImages(where: string, model: LayersModel): void {
  if (!layersWithin(model).some((layer) => layer.getClassName() === 'Permute')) checkMaps(where, model);
}
