import { existsSync } from 'node:fs';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { vgg } from 'vgg-blocks';
import type { ImageSet } from 'vgg-blocks/data';
import { transferHead } from 'vgg-blocks/features';
import { fileSystem, progressBar } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { SIZE, scenesOf } from './scenes.js';

const EPOCHS = 4;

/** A network that classifies the garment in a scene: from a folder, or trained, which takes minutes, and saved there. */
export async function sceneNetwork(
  sets: { trainSet: ImageSet; testSet: ImageSet },
  folder: string,
): Promise<LayersModel> {
  const saved = fileSystem(folder);
  if (existsSync(folder)) return loadLayersModel(saved);
  const model = classifier(sets.testSet.classNames.length);
  const bar = progressBar();
  const data = { trainSet: scenesOf(sets.trainSet, 1), testSet: scenesOf(sets.testSet, 2) };
  await train(model, data, {
    epochs: EPOCHS,
    batchSize: 32,
    optimizer: 'adam',
    learningRate: 0.003,
    schedule: 'cosine',
    onProgress: bar.update,
    onEpoch: ({ epoch, loss, testAccuracy }) =>
      bar.log(`epoch ${epoch}: loss ${loss.toFixed(3)}, test accuracy ${testAccuracy!.toFixed(3)}`),
  }).finally(bar.stop);
  await model.save(saved);
  return model;
}

/** Four blocks with batch normalization, then global average pooling and one dense layer, so that a garment may be anywhere. */
function classifier(classes: number): LayersModel {
  const arch = [
    [1, 16],
    [1, 16],
    [2, 32],
    [2, 64],
  ] as const;
  const base = vgg(arch, {
    inputShape: [SIZE, SIZE, 3],
    batchNorm: true,
    includeTop: false,
    initializer: 'heUniform',
  });
  return transferHead(base, { classes, pooling: 'avg' });
}
