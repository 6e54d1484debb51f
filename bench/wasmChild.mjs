/** A process of wasm.ts, on the built package: node wasmChild.mjs ours|stock CASE */
import { createInterface } from 'node:readline';
import { randomNormal, setBackend, tensor1d, tidy } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { vgg } from 'vgg-blocks';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { timesOf } from './timing.mjs';

const [kernels, json] = process.argv.slice(2);
const { arch, size, batch, train: training, threads, clock } = JSON.parse(json);
if (kernels === 'ours') installWasmKernels({ threads });
await setBackend('wasm');
const shape = [size, size, 1];
const model = vgg(arch, { inputShape: shape });
const x = randomNormal([batch, ...shape], 0, 1, 'float32', 1);
const classes = Array.from({ length: batch }, (_, i) => i % 10);

/** The same batch for every step. */
function examples(steps) {
  return {
    shape,
    length: steps * batch,
    *batches() {
      for (let i = 0; i < steps; i++) yield { xs: x.clone(), ys: tensor1d(classes, 'int32') };
    },
  };
}

async function run(steps) {
  if (training) {
    await train(model, { trainSet: examples(steps) }, { epochs: 1, batchSize: batch, learningRate: 0.01 });
  } else {
    for (let i = 0; i < steps; i++) tidy(() => model.predict(x).dataSync());
  }
}

await run(3);
for await (const line of createInterface({ input: process.stdin })) {
  const steps = Number(line);
  const [ms] = await timesOf(() => run(steps), { clock });
  console.log(ms / steps);
}
