/**
 * How much processor time a full-size VGG-16 takes on the wasm backend for each picture: its features, Grad-CAM and
 * saliency, and whether a tensor stays behind. The weights are drawn.
 *
 *     npm run bench:explain -- [pictures]
 */
import '@tensorflow/tfjs-backend-wasm';
import { memory, setBackend, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { IMAGENET, vgg16 } from 'vgg-blocks';
import { featureExtractor, gradCam, saliency } from 'vgg-blocks/features';
import { overlay, preprocess } from 'vgg-blocks/images';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { PUBLISHED } from 'vgg-blocks/weights';
import { median } from '../src/base/numbers.js';

installWasmKernels();
await setBackend('wasm');
const pictures = Number(process.argv[2] ?? 10);
const { preprocessing } = PUBLISHED['torchvision/vgg16'];
const [width, height] = [640, 480];
const picture = (seed: number) => ({
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
  const x = await preprocess(picture(seed), preprocessing);
  const y = tidy(() => extractor.predict(x) as Tensor);
  await y.data();
  for (const tensor of [x, y]) tensor.dispose();
};
const work: Record<string, (seed: number) => Promise<unknown>> = {
  'features of pool3': features(extractors.pool3),
  'features of fc7': features(extractors.fc7),
  gradCam: (seed) => gradCam(model, picture(seed), { preprocessing }),
  'gradCam and overlay': async (seed) => {
    await overlay(picture(seed), await gradCam(model, picture(seed), { preprocessing }));
  },
  saliency: (seed) => saliency(model, picture(seed), { preprocessing }),
};

console.log(
  `VGG-16 of 138 million weights on wasm, one thread, Node ${process.version}, ${pictures} pictures of ${width}x${height} each, ms of processor time`,
);
const before = memory();
for (const [name, run] of Object.entries(work)) {
  const times: number[] = [];
  for (let seed = 1; seed <= pictures; seed++) {
    const start = process.cpuUsage();
    await run(seed);
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
  }
  const [first, ...rest] = times;
  const sorted = rest.sort((a, b) => a - b).map(Math.round);
  console.log(
    `${name}: first ${Math.round(first!)}, then median ${Math.round(median(rest))} (${sorted[0]} to ${sorted.at(-1)}); tensors left behind ${memory().numTensors - before.numTensors}; process ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`,
  );
}
