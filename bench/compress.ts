/**
 * Accuracy over bytes: a VGG compressed to a row of sizes, with calibration images and without, and its top-1 on the test images of
 * Fashion-MNIST. Draws docs/figures/compress.svg.
 *
 *     npm run bench:compress -- MODEL FOLDER [calibration images]
 *
 * MODEL is a network for such images, FOLDER has Fashion-MNIST's four files. The convolutions are rounded once, and their outputs for
 * all images kept, so that only the dense layers are compressed and computed for each size.
 */
import '@tensorflow/tfjs-backend-wasm';
import { writeFileSync } from 'node:fs';
import { setBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type CompressOptions, compress, type Images } from 'vgg-blocks/compress';
import { fashionMnist, type ImageSet } from 'vgg-blocks/data';
import { cacheFeatures, splitModel } from 'vgg-blocks/features';
import { evaluate } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights, type QuantizedDtype, saveModel } from 'vgg-blocks/weights';
import { table } from '../src/figures/table.js';
import { type Curve, compressChart } from './compressChart.js';
import { processorName } from './processor.js';

/** The sizes of the whole network in MB. */
const CALIBRATED = [0.9, 1, 1.2, 1.5, 2, 3, 5, 10];
const WEIGHTS_ALONE = [1, 2, 3, 5, 10];

const [file, source, calibration = '1000'] = process.argv.slice(2);
if (!file || !source) throw new Error('usage: npm run bench:compress -- MODEL FOLDER [calibration images]');
installWasmKernels();
await setBackend('wasm');
const { model } = await fromWeights(file);
const size = model.inputs[0]!.shape[1] as number;
const sets = await fashionMnist({ source });
const testSet = sets.testSet.resize(size);
const seen: ImageSet = sets.trainSet
  .split(Number(calibration) / sets.trainSet.length)
  .validationSet.resize(size);

const started = performance.now();
const say = (line: string) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0)} s: ${line}`);
const { accuracy } = await evaluate(model, testSet, { batchSize: 32 });
const whole = await bytesOf(model);
say(`the network: ${megabytes(whole)}, top-1 ${percent(accuracy)}`);

const { lower, upper } = splitModel(model, 'block5');
// Nothing but its rounding: it has no dense layer.
const { model: convolutions } = await compress(lower, { maxError: 0.5 }, seen);
const fixed = await bytesOf(convolutions, 'uint8');
const test = await cacheFeatures(convolutions, testSet);
const given = await cacheFeatures(convolutions, seen);
say(`the convolutions: ${megabytes(fixed)}`);

const rows = [['bytes', 'calibrated', 'ranks', 'top-1', 'lost', 'ms a prediction']];
const curves: Curve[] = [
  { name: `calibrated on ${given.length} images`, points: await measured(CALIBRATED, given) },
  { name: 'by the weights alone', points: await measured(WEIGHTS_ALONE) },
];
console.log(`${processorName()}, Node ${process.version}, one thread, ${test.length} test images`);
console.log(`float32: ${megabytes(whole)}, top-1 ${percent(accuracy)}`);
console.log(table(rows, { right: [0, 3, 4, 5] }));
writeFileSync('docs/figures/compress.svg', compressChart(curves, { bytes: whole, accuracy }));

async function measured(sizes: readonly number[], images?: Images) {
  const points: Curve['points'][number][] = [];
  for (const target of sizes) {
    const options: CompressOptions = { maxBytes: 1e6 * target - fixed };
    const { model: dense, report } = await compress(upper, options, images);
    const bytes = fixed + (await bytesOf(dense, 'uint8'));
    const { accuracy: reached } = await evaluate(dense, test, { batchSize: 100 });
    points.push({ bytes, accuracy: reached });
    rows.push([
      megabytes(bytes),
      images ? 'yes' : 'no',
      report.layers.map(({ name, rank }) => `${name} ${rank ?? 'whole'}`).join(', '),
      percent(reached),
      (100 * (accuracy - reached)).toFixed(2),
      report.milliseconds!.after.toFixed(1),
    ]);
    say(rows.at(-1)!.join('  '));
    dense.dispose();
  }
  return points;
}

/** The bytes that `saveModel` writes. */
async function bytesOf(saved: LayersModel, quantize?: QuantizedDtype): Promise<number> {
  let bytes = 0;
  const save: NonNullable<Parameters<typeof saveModel>[1] & object>['save'] = async ({
    weightData,
    ...json
  }) => {
    bytes = JSON.stringify(json).length;
    for (const buffer of weightData as ArrayBuffer[]) bytes += buffer.byteLength;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  };
  await saveModel(saved, { save }, quantize ? { quantize } : {});
  return bytes;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
