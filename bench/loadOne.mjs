/** One measurement of load.ts, in a process of its own and on the package as it is built: node loadOne.mjs FILE */
import { readFileSync } from 'node:fs';
import { setBackend, zeros } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';

installWasmKernels();
await setBackend('wasm');
/** The most memory that the process had resident so far, in MiB; 0 where the system does not tell. */
const peak = () => {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  } catch {
    return 0;
  }
};
const x = zeros([1, 224, 224, 3]);
const before = peak();
const start = performance.now();
const { model } = await fromWeights(process.argv[2]);
const loaded = performance.now();
const most = peak() - before;
await model.predict(x).data();
console.log(`load ${loaded - start} predict ${performance.now() - loaded} peak ${Math.round(most)}`);
