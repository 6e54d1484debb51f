/**
 * VGG-16 in full size, with random weights, compressed: processor time, memory and bytes, and the prediction of plain tfjs in Chromium
 * beside this library's.
 *
 *     npm run bench:compress-vgg16 -- [MB] [calibration images]
 *
 * Random weights are the worst case: no direction stands out, so that high ranks are tried. Calibration images are noise.
 */
import '@tensorflow/tfjs-backend-wasm';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill, randomUniform, setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { VGG16, vgg } from 'vgg-blocks';
import { compress, compressTable } from 'vgg-blocks/compress';
import { fileSystem } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { saveModel } from 'vgg-blocks/weights';
import { inChromium } from './plainTfjs.js';
import { processorName } from './processor.js';

const [target = '40', count = '0'] = process.argv.slice(2);
installWasmKernels();
await setBackend('wasm');
const folder = mkdtempSync(join(tmpdir(), 'compress-'));
const memory = () => process.resourceUsage().maxRSS / 2 ** 20;
const empty = memory();
const model = vgg(VGG16, { inputShape: [224, 224, 3], classes: 1000, initializer: 'heNormal', seed: 0 });
const bytes = model.countParams() * 4;
console.log(`${processorName()}, Node ${process.version}, one thread`);
console.log(
  `VGG-16: ${(bytes / 1e6).toFixed(1)} MB; at most ${empty.toFixed(2)} GiB in memory before it is built, ${memory().toFixed(2)} after`,
);

const used = process.cpuUsage();
const seconds = () => process.cpuUsage(used).user / 1e6;
let shown = '';
const images =
  Number(count) > 0 ? randomUniform([Number(count), 224, 224, 3], 0, 1, 'float32', 1) : undefined;
const { model: small, report } = await compress(
  model,
  {
    maxBytes: 1e6 * Number(target),
    dispose: true,
    onProgress: ({ stage, done }) => {
      if (shown === `${stage} ${done}`) return;
      shown = `${stage} ${done}`;
      console.error(`${seconds().toFixed(0)} s: ${shown}`);
    },
  },
  images,
);
console.log(compressTable(report));
const copies = ((memory() - empty) * 2 ** 30) / bytes;
console.log(
  `${seconds().toFixed(0)} s of processor time; at most ${memory().toFixed(2)} GiB in memory, ${copies.toFixed(2)} copies of the model`,
);
images?.dispose();

await saveModel(small, fileSystem(join(folder, 'model')), { quantize: 'uint8' });
const names = readdirSync(join(folder, 'model'));
const written = names.reduce((sum, name) => sum + statSync(join(folder, 'model', name)).size, 0);
console.log(`${written} bytes in ${names.length} files`);
const gray = fill([1, 224, 224, 3], 0.5);
const own = await (small.predict(gray) as Tensor).data();

const { outputs: theirs } = await inChromium(folder, 'tf.fill([1, 224, 224, 3], 0.5)');
const largest = Math.max(...own.map(Math.abs));
const difference = Math.max(...theirs.map((value, i) => Math.abs(value - own[i]!)));
console.log(
  `plain tfjs in Chromium: off by ${(difference / largest).toExponential(1)} of the largest of ${theirs.length} outputs`,
);
rmSync(folder, { recursive: true });
