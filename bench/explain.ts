/**
 * The processor time per image of a full-size VGG-16 with random weights on the wasm backend: features, Grad-CAM and
 * saliency, and whether any tensor is left.
 *
 *     npm run bench:explain -- [images]
 */
import '@tensorflow/tfjs-backend-wasm';
import { memory, setBackend, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { IMAGENET, vgg16 } from 'vgg-blocks';
import { featureExtractor, gradCam, saliency } from 'vgg-blocks/features';
import { overlay, preprocess } from 'vgg-blocks/images';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { PUBLISHED } from 'vgg-blocks/weights';
import { table } from '../src/figures/table.js';
import { figureOf, shown, withSpread } from './figure.js';
import { timesOf } from './timing.mjs';

installWasmKernels();
await setBackend('wasm');
/** The first image is reported apart. */
const images = Math.max(2, Number(process.argv[2] ?? 10));
const { preprocessing } = PUBLISHED['torchvision/vgg16'];
const [width, height] = [640, 480];
const image = (seed: number) => ({
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (seed * i * 7919) % 251),
  width,
  height,
});

const model = vgg16({ ...IMAGENET, initializer: 'heUniform' });
const extractors = {
  pool3: featureExtractor(model, 'pool3'),
  fc7: featureExtractor(model, 'fc7'),
};
const features = (extractor: typeof model) => async (seed: number) => {
  const x = await preprocess(image(seed), preprocessing);
  const y = tidy(() => extractor.predict(x) as Tensor);
  await y.data();
  for (const tensor of [x, y]) tensor.dispose();
};
const work: Record<string, (seed: number) => Promise<unknown>> = {
  'features of pool3': features(extractors.pool3),
  'features of fc7': features(extractors.fc7),
  gradCam: (seed) => gradCam(model, image(seed), { preprocessing }),
  'gradCam and overlay': async (seed) => {
    await overlay(image(seed), await gradCam(model, image(seed), { preprocessing }));
  },
  saliency: (seed) => saliency(model, image(seed), { preprocessing }),
};

console.log(
  `VGG-16 of 138 million weights on wasm, one thread, Node ${process.version}, ${images} images of ${width}x${height}, ms of processor time, median (minimum to maximum)\n`,
);
const before = memory();
const rows = [['', 'first image', 'further images', 'tensors left', 'process, MiB']];
for (const [name, run] of Object.entries(work)) {
  let seed = 0;
  const next = () => run(++seed);
  const [first] = await timesOf(next, { clock: 'processor' });
  const rest = await timesOf(next, { clock: 'processor', runs: images - 1 });
  rows.push([
    name,
    shown(first!),
    withSpread(figureOf(rest)),
    String(memory().numTensors - before.numTensors),
    shown(process.memoryUsage().rss / 2 ** 20),
  ]);
}
console.log(table(rows, { right: [1, 2, 3, 4] }));
