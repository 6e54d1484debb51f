import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fromWeights, inspectWeights, loadWeights, type NetworkSpec } from 'vgg-blocks/weights';

/** A network that came in a file, and what the file is. */
export interface Opened {
  model: LayersModel;
  network: NetworkSpec;
  format: string;
  parameters: number;
}

/** Reads a weight file; `shards` are the files that were dropped with it. */
export async function openFile(file: File, shards: readonly File[]): Promise<Opened> {
  const beside = (path: string) => {
    const shard = shards.find(({ name }) => name === path.split('/').at(-1));
    if (!shard) throw new RangeError(`${file.name} names the file ${path}; drop it together with the model.`);
    return shard;
  };
  const { format, parameters } = await inspectWeights(file, { shards: beside });
  const { model, network } = await fromWeights(file, { shards: beside });
  return { model, network, format, parameters };
}

/** Gives a network that was just built the weights of a snapshot. */
export async function restore(model: LayersModel, weights: Uint8Array): Promise<void> {
  await loadWeights(model, weights);
}
