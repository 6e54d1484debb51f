import type { WeightFile } from '../file.js';
import type { Part } from '../joined.js';
import type { Layout } from '../layouts.js';
import { METADATA_KEY } from '../metadata.js';
import type { StoredTensor } from '../tensor.js';
import { readModel } from './readModel.js';
import { OnnxTensors } from './tensors.js';
import { translate } from './translate.js';

/** The tensors of an ONNX file, and its graph as a configuration of Keras. */
export interface OnnxFile {
  tensors: StoredTensor[];
  configuration: unknown;
  kerasVersion: string;
  /** What this library stored about the model, unchecked. */
  metadata?: unknown;
}

/**
 * Reads an ONNX file: the graph becomes layers of Keras with channels last, the constants that they take their weights.
 *
 * @param partAt returns a file beside this one, in which big models have their tensors.
 * @param layout the order of the images' axes, for a graph that does not say it.
 * @throws WeightFileError when it is damaged, has an operator that is not read, or does not say the order of axes.
 */
export async function readOnnx(
  file: WeightFile,
  partAt: (path: string) => Promise<Part>,
  layout?: Layout,
): Promise<OnnxFile> {
  const model = await readModel(file);
  const tensors = new OnnxTensors(file, partAt);
  await tensors.check(model.initializers);
  const translated = await translate(model, tensors, layout);
  return { ...translated, kerasVersion: '3', metadata: model.metadata.get(METADATA_KEY) };
}
