import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  fromWeights,
  inspectWeights,
  loadWeights,
  type NetworkSpec,
  WeightFileError,
} from 'vgg-blocks/weights';
import type { PreprocessingName } from '../state/choice.js';
import { inputShape } from './image.js';
import type { OpenedInfo } from './messages.js';
import { hasTop, layersOf } from './models.js';
import { sumOf } from './snapshot.js';

/** Reads a weight file: the network, and what the page knows of it. `shards` are the files dropped with it. */
export async function openFile(
  file: File,
  shards: readonly File[],
): Promise<{ model: LayersModel; info: OpenedInfo }> {
  const beside = (path: string) => {
    const shard = shards.find(({ name }) => name === path.split('/').at(-1));
    if (!shard)
      throw new WeightFileError(file.name, `it needs the weight file '${path}'; drop both together.`);
    return shard;
  };
  const { format, parameters } = await inspectWeights(file, { shards: beside });
  const { model, network, metadata } = await fromWeights(file, { shards: beside });
  const classes = hasTop(model) ? model.outputs[0]!.shape[1]! : undefined;
  const info = {
    file: file.name,
    format,
    network,
    parameters,
    inputShape: inputShape(model),
    classes,
    layers: layersOf(model),
    sum: await sumOf(model),
    classNames: metadata.classNames,
    preprocessing: metadata.preprocessing ? ('file' as const) : likely(classes, network),
  };
  return { model, info };
}

/** The preprocessing that a network had in training, most likely. */
function likely(classes: number | undefined, network: NetworkSpec | undefined): PreprocessingName {
  // Features alone are nearly always those of ImageNet.
  if (classes !== undefined && classes !== 1000) return 'plain';
  return (network?.names ?? 'keras') === 'keras' ? 'keras' : 'torchvision';
}

/** Loads a snapshot's weights into a network. */
export async function restore(model: LayersModel, weights: Blob): Promise<void> {
  await loadWeights(model, weights);
}
