/**
 * Transfer learning from start to finish: a narrow VGG-11 learns six kinds of clothes, and its features then classify
 * shoes and bags, which it has never seen, from a folder with a few images of each, some of them damaged. For comparison,
 * the same with the features of random weights, and a network trained on nothing but those few images.
 *
 *     npm run example -- examples/transfer-learning.ts                      # everything is drawn, nothing downloaded
 *     npm run example -- examples/transfer-learning.ts FOLDER               # your own images, one subfolder per class
 *     npm run example -- examples/transfer-learning.ts FOLDER WEIGHTS.pth   # with published weights
 *
 * Needs sharp; writes curves.svg and predictions.svg to runs/transfer-learning.
 */
import '@tensorflow/tfjs-backend-wasm';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import type { ImageFiles } from 'vgg-blocks/data';
import {
  cacheFeatures,
  featureExtractor,
  freeze,
  splitModel,
  transferHead,
  unfreeze,
} from 'vgg-blocks/features';
import type { Preprocessing } from 'vgg-blocks/images';
import { imageFolder, temporaryFile, writeFileAtomic } from 'vgg-blocks/node';
import {
  curves,
  type History,
  predictClasses,
  predictionSheet,
  type TrainOptions,
  train,
} from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights, PUBLISHED } from 'vgg-blocks/weights';
import { colorGarments, writeFolder } from './transfer/images.js';

const [CLOTHES, SHOES_AND_BAGS] = [
  [0, 1, 2, 3, 4, 6],
  [5, 7, 8, 9],
];
const OUT = 'runs/transfer-learning';
const HEAD: TrainOptions = {
  epochs: 40,
  batchSize: 16,
  optimizer: 'adam',
  learningRate: 0.01,
  schedule: 'cosine',
};
const [ownFolder, weights] = process.argv.slice(2);

installWasmKernels();
await setBackend('wasm');
const started = performance.now();
const temporary = ownFolder ? undefined : await mkdtemp(join(tmpdir(), 'transfer-'));
try {
  const { base, lastBlock, pooling, preprocessing, size } = weights
    ? await published(weights)
    : await pretrained();
  if (temporary) await writeFolder(temporary, colorGarments(SHOES_AND_BAGS, 400, 7), 1);
  const images = await imageFolder(ownFolder ?? temporary!, {
    preprocessing,
    size,
    validationFraction: 0.75,
    seed: 1,
  });
  const { trainSet, validationSet, classNames, problems } = images;
  console.log(
    `${trainSet.length} images to train on, ${validationSet.length} to test on: ${classNames.join(', ')}`,
  );
  for (const { path, reason } of problems) {
    console.log(`  left out ${path}: ${reason.slice(reason.indexOf('could not be read')).slice(0, 90)}`);
  }

  // Transfer learning: a head on frozen features, then the last block with it.
  const model = transferHead(freeze(base), { classes: classNames.length, pooling });
  const head = await learn('a head on its features', model, lastBlock, images, HEAD);
  unfreeze(model, lastBlock);
  const block = await learn(`then ${lastBlock} too`, model, `block${Number(lastBlock.at(-1)) - 1}`, images, {
    ...HEAD,
    epochs: 20,
    learningRate: weights ? 1e-4 : 1e-3,
  });
  await writeFigures(model, images, [head, block]);

  if (!weights) {
    const random = transferHead(freeze(upToBlock4(narrow())), { classes: classNames.length, pooling });
    await learn('a head on features of random weights', random, lastBlock, images, HEAD);
    const scratch = transferHead(upToBlock4(narrow(1)), { classes: classNames.length, pooling });
    await learn('all weights, from those images alone', scratch, 'input_layer', images, {
      ...HEAD,
      learningRate: 0.002,
    });
    for (const one of [random, scratch]) one.dispose();
  }
  model.dispose();
} finally {
  if (temporary) await rm(temporary, { recursive: true });
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s in total; the figures are in ${OUT}`);

/** The features of a network trained on clothes. */
async function pretrained(): Promise<Start> {
  const clothes = colorGarments(CLOTHES, 3400, 3).resize(32);
  const [trainSet, testSet] = [clothes.take(0, 3000), clothes.take(3000)];
  const network = transferHead(narrow(), { classes: trainSet.classNames.length });
  const { epochs } = await train(
    network,
    { trainSet, testSet },
    { epochs: 6, batchSize: 32, optimizer: 'adam', schedule: 'cosine' },
  );
  console.log(
    `first: ${trainSet.classNames.join(', ')}, test accuracy ${percent(epochs.at(-1)!.testAccuracy!)}`,
  );
  return {
    base: upToBlock4(network),
    lastBlock: 'block4',
    pooling: 'flatten',
    preprocessing: undefined,
    size: 32,
  };
}

/** The features of published weights. */
async function published(file: string): Promise<Start> {
  const { model: base, network } = await fromWeights(file, { includeTop: false, inputShape: [224, 224, 3] });
  const owner = network?.names === 'keras' ? 'keras/vgg16' : 'torchvision/vgg16';
  const { preprocessing } = PUBLISHED[owner];
  return { base, lastBlock: `block${network!.arch.length}`, pooling: 'avg', preprocessing, size: 224 };
}

interface Start {
  base: LayersModel;
  lastBlock: string;
  pooling: 'avg' | 'flatten';
  preprocessing: Preprocessing | undefined;
  size: number;
}

/** The convolutions of a VGG-11 with an eighth of the widths. */
function narrow(seed = 0): LayersModel {
  return vgg(scaleArch(VGG11, 8), {
    inputShape: [32, 32, 3],
    includeTop: false,
    initializer: 'heUniform',
    seed,
  });
}

/** At 32x32, block 4 still has 2x2 positions and block 5 only one. */
function upToBlock4(model: LayersModel): LayersModel {
  return featureExtractor(model, 'block4_pool');
}

/** Trains the layers after `at`; the features up to it are computed once. */
async function learn(
  what: string,
  model: LayersModel,
  at: string,
  images: ImageFiles,
  options: TrainOptions,
): Promise<History> {
  const start = performance.now();
  const { lower, upper } = splitModel(model, at);
  const overflow = temporaryFile();
  const trainSet = await cacheFeatures(lower, images.trainSet, { overflow });
  const testSet = await cacheFeatures(lower, images.validationSet, { overflow });
  const history = await train(upper, { trainSet, testSet }, options);
  await Promise.all([trainSet.dispose(), testSet.dispose()]);
  const seconds = (performance.now() - start) / 1000;
  const { trainAccuracy, testAccuracy } = history.epochs.at(-1)!;
  console.log(
    `${what}: test accuracy ${percent(testAccuracy!)}, training accuracy ${percent(trainAccuracy)}; ${history.epochs.length} epochs in ${seconds.toFixed(1)} s`,
  );
  return history;
}

/** Writes the curves of both phases, and predictions for some of the test images. */
async function writeFigures(
  model: LayersModel,
  { validationSet }: ImageFiles,
  histories: readonly History[],
): Promise<void> {
  const epochs = histories.flatMap((history) => history.epochs).map((row, i) => ({ ...row, epoch: i + 1 }));
  await writeFileAtomic(join(OUT, 'curves.svg'), curves({ epochs }));
  const predicted = await predictClasses(model, validationSet);
  const shown = Array.from({ length: 40 }, (_, i) => Math.floor((i * validationSet.length) / 40));
  const sheet = await predictionSheet(
    await validationSet.images(shown),
    shown.map((index) => predicted[index]!),
  );
  await writeFileAtomic(join(OUT, 'predictions.svg'), sheet);
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
