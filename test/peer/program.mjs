/**
 * Runs the tests of @tensorflow/tfjs-core on its wasm backend, and writes the names of those that fail to a file, with why.
 *
 * `program FILE [OPTIONS]`, with options of `installWasmKernels` as JSON; without them the backend's own kernels are tested.
 * NODE_PATH is the folder of packages.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { jasmine } from './jasmine.mjs';
import '@tensorflow/tfjs-core/dist/tests';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { seededRandom } from '../../src/base/random.ts';
import { installWasmKernels } from '../../src/wasm/index.ts';
import { shareMemory } from '../../src/wasm/sharedMemory.ts';

const [file, options] = process.argv.slice(2);
// Node 20 has it behind a flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');
if (options) installWasmKernels(JSON.parse(options));

// Threads need the backend's memory to be shared. The kernels see to that in the folder of packages, but this bundle has its own
// backend.
const binary = 'tfjs-backend-wasm-simd.wasm';
const module = readFileSync(`${process.env.NODE_PATH}/@tensorflow/tfjs-backend-wasm/dist/${binary}`);
if (options && JSON.parse(options).threads > 1) shareMemory(module);
writeFileSync(join(dirname(file), binary), module);
setWasmPaths(`${dirname(file)}/`);

Math.random = seededRandom(1).next;
console.log = () => {};
console.warn = () => {};

const failures = {};
let count = 0;
jasmine.addReporter({
  specDone({ status, fullName, failedExpectations: [first] }) {
    count++;
    if (status === 'failed') failures[fullName.replace(' wasm {}', '').trim()] = first.message;
  },
});
jasmine.execute().then(() => {
  writeFileSync(file, JSON.stringify({ count, failures }));
  process.exit();
});
