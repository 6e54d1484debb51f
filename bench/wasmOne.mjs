/** One side of wasm.ts, on the package as it is built: node wasmOne.mjs ours|stock CASE */
import { createInterface } from 'node:readline';
import { randomNormal, setBackend, tensor1d, tidy } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { smallArch } from 'vgg-blocks';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';

const [side, json] = process.argv.slice(2);
const { ratio, size, batch, train: training, threads, clock } = JSON.parse(json);
if (side === 'ours') installWasmKernels({ threads });
await setBackend('wasm');
const shape = [size, size, 1];
const model = smallArch(ratio, { inputShape: shape });
const x = randomNormal([batch, ...shape], 0, 1, 'float32', 1);
const classes = Array.from({ length: batch }, (_, i) => i % 10);

/** The same batch as often as there are steps. */
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
  const [start, used] = [performance.now(), process.cpuUsage()];
  await run(Number(line));
  const { user, system } = process.cpuUsage(used);
  const time = clock === 'processor' ? (user + system) / 1000 : performance.now() - start;
  console.log(time / Number(line));
}
