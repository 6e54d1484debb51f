import type { LayersModel } from '@tensorflow/tfjs-layers';
import { encodeWeights } from 'vgg-blocks/weights';
import { crc32 } from '../../../src/base/crc32.js';

/** A network's weights as a file, and a checksum by which they are recognized. */
export interface Snapshot {
  weights: Uint8Array;
  sum: number;
}

export async function snapshotOf(model: LayersModel): Promise<Snapshot> {
  return { weights: await encodeWeights(model, { names: 'keras' }), sum: (await sumOf(model)) ?? 0 };
}

/** Networks with more parameters are not recognized, because reading them takes seconds. */
const MAX_PARAMETERS = 3e7;

/** A checksum of the kernels, which are the same numbers in every format; undefined for a large network. */
export async function sumOf(model: LayersModel): Promise<number | undefined> {
  if (model.countParams() > MAX_PARAMETERS) return undefined;
  let sum = 0;
  for (const one of model.getWeights().filter(({ rank }) => rank > 1)) {
    const { buffer, byteOffset, byteLength } = await one.data();
    sum = crc32(new Uint8Array(buffer, byteOffset, byteLength), sum);
  }
  return sum;
}
