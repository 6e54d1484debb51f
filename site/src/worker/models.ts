import { io } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { SavedSlot } from './messages.js';

const models: { [slot in SavedSlot]?: LayersModel } = {};

export function modelOf(slot: SavedSlot): LayersModel {
  const model = models[slot];
  if (!model) throw new Error(`There is no ${slot} network yet.`);
  return model;
}

/** Keeps a network in the place of the one before. */
export function put(slot: SavedSlot, model: LayersModel): void {
  if (slot === 'opened') drop('own');
  drop(slot);
  models[slot] = model;
}

export function drop(slot: SavedSlot): void {
  models[slot]?.dispose();
  models[slot] = undefined;
}

/** Makes the opened network the trained one. */
export function openedAsTrained(): LayersModel {
  const model = modelOf('opened');
  drop('own');
  models.opened = undefined;
  put('trained', model);
  return model;
}

/** Whether a network ends with a classifier. */
export function hasTop(model: LayersModel): boolean {
  return model.outputs[0]!.shape.length === 2;
}

/** The layers that have feature maps. */
export function layersOf(model: LayersModel): string[] {
  return model.layers
    .filter((one) => one.getClassName() !== 'InputLayer' && (one.output as SymbolicTensor).shape.length === 4)
    .map(({ name }) => name);
}

/** The two files of a tfjs model. */
export async function tfjsFiles(model: LayersModel): Promise<{ json: string; weights: ArrayBuffer }> {
  let saved: io.ModelArtifacts | undefined;
  await model.save(
    io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  const { modelTopology, weightSpecs, weightData, userDefinedMetadata } = saved!;
  const json = {
    format: 'layers-model',
    modelTopology,
    userDefinedMetadata,
    weightsManifest: [{ paths: ['model.weights.bin'], weights: weightSpecs }],
  };
  return { json: JSON.stringify(json), weights: io.CompositeArrayBuffer.join(weightData!) };
}
