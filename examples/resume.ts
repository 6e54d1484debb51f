/**
 * Trains a narrow VGG on drawn garments, with checkpoints. Stop it when you like, by Ctrl-C or `kill -9`, and start it again: it
 * goes on, and ends with the weights of a run that was never stopped.
 *
 *     npm run example -- examples/resume.ts [folder of the run] [epochs] [training images]
 */
import '@tensorflow/tfjs-backend-wasm';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import { smallArch } from 'vgg-blocks';
import { garments } from 'vgg-blocks/data';
import { fileSystem, folderStore, progressBar, writeFileAtomic } from 'vgg-blocks/node';
import { curves, storedEpochs, train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';

const [folder = 'runs/resume', epochs = '20', trainImages = '4000'] = process.argv.slice(2);

installWasmKernels();
await setBackend('wasm');
const { trainSet, testSet } = garments({ trainImages: Number(trainImages), testImages: 200 });
const model = smallArch(16, {
  inputShape: [32, 32, 1],
  hiddenUnits: 128,
  dropout: 0.3,
  initializer: 'heUniform',
});

// Ctrl-C stops after the batch, with a checkpoint there; what `kill -9` loses is what came after the last one.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

const store = folderStore(join(folder, 'checkpoints'));
const { length } = await storedEpochs(store);
console.log(length > 0 ? `going on after epoch ${length}` : `a new run in ${folder}`);
const bar = progressBar();
const history = await train(
  model,
  { trainSet: trainSet.resize(32).augment({ shift: 2, flip: 0.5 }), testSet: testSet.resize(32) },
  {
    epochs: Number(epochs),
    batchSize: 32,
    optimizer: 'adam',
    schedule: 'cosine',
    checkpoint: { store, everySeconds: 30, resume: true, onProblem: console.error },
    signal: controller.signal,
    onProgress: bar.update,
    onEpoch: ({ epoch, loss, testAccuracy }) =>
      bar.log(`epoch ${epoch}: loss ${loss.toFixed(3)}, test accuracy ${testAccuracy?.toFixed(3)}`),
  },
).finally(bar.stop);

if (history.ended === 'finished') {
  await model.save(fileSystem(join(folder, 'model')));
  await writeFileAtomic(join(folder, 'curves.svg'), curves(history));
  console.log(`done; the model and curves.svg are in ${folder}`);
} else console.log(`${history.ended}; start it again to go on`);
model.dispose();
