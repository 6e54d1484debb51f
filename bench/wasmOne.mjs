/** One side of wasm.ts, on the package as it is built: node wasmOne.mjs ours|stock CASE */
import { createInterface } from 'node:readline';
import { losses, oneHot, randomNormal, setBackend, tensor1d, tidy, train } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { smallArch } from 'vgg-blocks';
import { installWasmKernels } from 'vgg-blocks/wasm';

const [side, json] = process.argv.slice(2);
const { ratio, size, batch, train: training } = JSON.parse(json);
if (side === 'ours') installWasmKernels();
await setBackend('wasm');
const model = smallArch(ratio, { inputShape: [size, size, 1] });
const x = randomNormal([batch, size, size, 1], 0, 1, 'float32', 1);
const y = oneHot(
  tensor1d(
    Array.from({ length: batch }, (_, i) => i % 10),
    'int32',
  ),
  10,
);
const optimizer = train.sgd(0.01);

function step() {
  if (training) {
    optimizer.minimize(() => losses.softmaxCrossEntropy(y, model.apply(x, { training: true })));
  } else {
    tidy(() => model.predict(x).dataSync());
  }
}

for (let i = 0; i < 3; i++) step();
for await (const line of createInterface({ input: process.stdin })) {
  const start = process.cpuUsage();
  for (let i = 0; i < Number(line); i++) step();
  const { user, system } = process.cpuUsage(start);
  console.log((user + system) / 1000 / Number(line));
}
