import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersWithin } from '../tfjs/models.js';
import type { Finding } from './finding.js';
import { areFinite } from './finite.js';

/** Names the layers with weights that are NaN or infinite, from which no step leads back. */
export async function weightFindings(model: LayersModel): Promise<Finding[]> {
  const layers: string[] = [];
  for (const layer of layersWithin(model)) {
    if (!(await areFinite(layer.getWeights()))) layers.push(layer.name);
  }
  if (layers.length === 0) return [];
  return [
    {
      fault: 'weights',
      layers,
      text: `weights are NaN or infinite in ${listed(layers)}`,
      advice:
        'they do not come back: build the network again, or load weights from before, and train with a smaller learning rate or clipNorm: 1',
      adviceToKeep:
        'they do not come back: begin again with its file, or load weights from before, and train with a smaller learning rate or clipNorm: 1',
    },
  ];
}

/** How the network could start better, as a clause: with what it does not have yet; undefined if it has all. */
export function betterStart(model: LayersModel): string | undefined {
  const layers = layersWithin(model);
  if (layers.some((layer) => layer.getClassName() === 'BatchNormalization')) return undefined;
  const isHe = layers.some((layer) => {
    const initializer = layer.getConfig().kernelInitializer as { config?: { scale?: number } } | undefined;
    return initializer?.config?.scale === 2;
  });
  return `build the network with ${isHe ? '' : "initializer: 'heUniform' or "}batchNorm: true`;
}

/** The first names, and how many more there are. */
export function listed(layers: readonly string[]): string {
  return layers.length <= 3
    ? layers.join(', ')
    : `${layers.slice(0, 2).join(', ')} and ${layers.length - 2} more`;
}
