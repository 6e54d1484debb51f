import { io } from '@tensorflow/tfjs-core';
import type { Source } from '../io/source.js';
import type { ShardSource } from './formats/companions.js';
import { WeightFileError } from './formats/error.js';

/** The name of the weights in the manifest that is made for a stored model. */
const WEIGHTS = 'weights.bin';

/**
 * A model that tfjs stored in the browser, under `indexeddb://NAME` or `localstorage://NAME`, as the files of a tfjs model; any other
 * source is returned as it is.
 *
 * @throws WeightFileError where there is no such storage, or no such model in it.
 */
export async function fromStore(source: Source): Promise<{ source: Source; shards?: ShardSource }> {
  if (typeof source !== 'string' || !/^(indexeddb|localstorage):\/\//.test(source)) return { source };
  const [handler] = io.getLoadHandlers(source);
  const isThere = source.startsWith('indexeddb') ? 'indexedDB' in globalThis : 'localStorage' in globalThis;
  if (!handler?.load || !isThere) {
    throw new WeightFileError(
      source,
      'browsers have such storage, and this runtime does not; save the model to files and use those.',
    );
  }
  const { weightData, weightSpecs, ...model } = await handler.load().catch((cause: Error) => {
    throw new WeightFileError(
      source,
      `${cause.message.replace(/\.$/, '')}; save the model under this name first.`,
    );
  });
  const manifest = [{ paths: [WEIGHTS], weights: weightSpecs }];
  const json = JSON.stringify({ ...model, weightsManifest: manifest });
  return {
    source: new File([json], source, { type: 'application/json' }),
    shards: () => new Blob([weightData].flat() as BlobPart[]),
  };
}
