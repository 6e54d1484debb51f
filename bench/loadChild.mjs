/**
 * The processes of load.ts in JavaScript, with the built package: `node loadChild.mjs measure FILE` measures one load by this library,
 * `tfjs FILE` one by plain tfjs, `split FILE FOLDER` writes a tfjs model of eight shards, `quantize FILE FOLDER TYPE` a quantized one, and
 * `onnx FILE OUT TYPE` an ONNX file.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { io, setBackend, zeros } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights, saveModel, toOnnx } from 'vgg-blocks/weights';
import { peakMemory } from './child.mjs';

const SHARDS = 8;

installWasmKernels();
await setBackend('wasm');

async function measure(load) {
  const x = zeros([1, 224, 224, 3]);
  const before = peakMemory();
  const start = performance.now();
  const model = await load();
  const loaded = performance.now();
  const peak = peakMemory() - before;
  await model.predict(x).data();
  console.log(JSON.stringify({ load: loaded - start, predict: performance.now() - loaded, peak }));
}

async function split(file, folder) {
  const { model } = await fromWeights(file);
  mkdirSync(folder, { recursive: true });
  const save = io.withSaveHandler(async ({ weightData, weightSpecs, modelTopology }) => {
    const bytes = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
    const paths = Array.from({ length: SHARDS }, (_, i) => `group1-shard${i + 1}of${SHARDS}.bin`);
    const size = Math.ceil(bytes.length / SHARDS);
    paths.forEach((path, i) => {
      writeFileSync(join(folder, path), bytes.subarray(i * size, (i + 1) * size));
    });
    const json = {
      format: 'layers-model',
      modelTopology,
      weightsManifest: [{ paths, weights: weightSpecs }],
    };
    writeFileSync(join(folder, 'model.json'), JSON.stringify(json));
    return {};
  });
  await model.save(save);
}

const [command, file, folder, type] = process.argv.slice(2);
if (command === 'split') await split(file, folder);
else if (command === 'quantize') {
  await saveModel((await fromWeights(file)).model, fileSystem(folder), { quantize: type });
} else if (command === 'onnx') {
  await writeFileAtomic(folder, await toOnnx((await fromWeights(file)).model, { dtype: type }));
} else if (command === 'tfjs') await measure(() => loadLayersModel(file));
else await measure(async () => (await fromWeights(file)).model);
