import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  fromWeights,
  inspectWeights,
  loadWeights,
  type ModelMetadata,
  type NetworkSpec,
} from 'vgg-blocks/weights';

/** A network read from a file, and facts about the file. */
export interface Opened {
  model: LayersModel;
  network?: NetworkSpec;
  format: string;
  parameters: number;
  metadata: ModelMetadata;
}

/** Reads a weight file; `shards` are the files dropped with it. */
export async function openFile(file: File, shards: readonly File[]): Promise<Opened> {
  const beside = (path: string) => {
    const shard = shards.find(({ name }) => name === path.split('/').at(-1));
    if (!shard) throw new RangeError(`${file.name} refers to the file ${path}; drop both together.`);
    return shard;
  };
  const { format, parameters } = await inspectWeights(file, { shards: beside });
  const { model, network, metadata } = await fromWeights(file, { shards: beside });
  return { model, network, format, parameters, metadata };
}

/** Loads a snapshot's weights into a network. */
export async function restore(model: LayersModel, weights: Blob): Promise<void> {
  await loadWeights(model, weights);
}
