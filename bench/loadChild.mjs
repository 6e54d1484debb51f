/** One measurement of load.ts, in a process of its own and with the built package: node loadChild.mjs FILE */
import { setBackend, zeros } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';
import { peakMemory } from './child.mjs';

installWasmKernels();
await setBackend('wasm');
const x = zeros([1, 224, 224, 3]);
const before = peakMemory();
const start = performance.now();
const { model } = await fromWeights(process.argv[2]);
const loaded = performance.now();
const peak = peakMemory() - before;
await model.predict(x).data();
console.log(JSON.stringify({ load: loaded - start, predict: performance.now() - loaded, peak }));
