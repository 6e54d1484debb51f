import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

/** The layers of a model, those of models inside it among them. */
export function layersWithin({ layers: all }: Pick<LayersModel, 'layers'>): layers.Layer[] {
  return all.flatMap((layer) =>
    'layers' in layer ? layersWithin(layer as unknown as LayersModel) : [layer],
  );
}
