/** A process of wasm.ts, on the built package: node wasmChild.mjs ours|stock CASE */
import { createInterface } from 'node:readline';
import { linspace, mul, randomNormal, reshape, setBackend, tensor1d, tidy } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { vgg } from 'vgg-blocks';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { CLOCKS } from './timing.mjs';

const [kernels, json] = process.argv.slice(2);
const { arch, size, batch, train: training, threads, clock, ...options } = JSON.parse(json);
const { hiddenUnits = 4096, batchNorm = false, optimizer = 'sgd', confident = false } = options;
if (kernels === 'ours') installWasmKernels({ threads });
await setBackend('wasm');
const shape = [size, size, 1];
const model = vgg(arch, { inputShape: shape, hiddenUnits, batchNorm });
let x = randomNormal([batch, ...shape], 0, 1, 'float32', 1);
let classes = Array.from({ length: batch }, (_, i) => i % 10);
if (confident) {
  // The first class leads by about 80, more or less with the contrast of the image.
  classes = classes.fill(0);
  x = mul(x, reshape(linspace(0, 20, batch), [batch, 1, 1, 1]));
  const last = model.getLayer('predictions');
  last.setWeights([last.getWeights()[0], tensor1d(Array.from({ length: 10 }, (_, i) => (i === 0 ? 80 : 0)))]);
}

const now = CLOCKS[clock];

/** The same batch for every step. Notes the time before each, so that what `train` does once an epoch is not counted. */
function examples(steps, end, times) {
  return {
    shape,
    length: (steps + 1) * batch,
    *batches() {
      for (let i = 0; i <= steps; i++) {
        // A run that is stopped is not searched for what keeps the network from learning.
        if (i === steps) end.abort();
        times.push(now());
        yield { xs: x.clone(), ys: tensor1d(classes, 'int32') };
      }
    },
  };
}

const RATES = { sgd: 0.01, adam: 0.001 };

/** Runs so many steps; returns the milliseconds of all. */
async function run(steps) {
  const times = [];
  if (training) {
    const end = new AbortController();
    await train(
      model,
      { trainSet: examples(steps, end, times) },
      { epochs: 1, batchSize: batch, optimizer, learningRate: RATES[optimizer], signal: end.signal },
    );
  } else {
    times.push(now());
    for (let i = 0; i < steps; i++) tidy(() => model.predict(x).dataSync());
    times.push(now());
  }
  return times.at(-1) - times[0];
}

for await (const line of createInterface({ input: process.stdin })) {
  const steps = Number(line);
  console.log((await run(steps)) / steps);
}
