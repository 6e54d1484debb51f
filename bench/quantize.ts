/**
 * What rounding to 8 and 16 bits costs: logits and top-1 on the test images of Fashion-MNIST, of the numbers that tfjs reads from quantized
 * files. Networks are rounded as they are, equalized, with corrected biases, and, as the bound, with a scale for each output channel, which
 * tfjs's files do not have.
 *
 *     npm run bench:quantize -- FOLDER [model] [images]
 *
 * FOLDER has Fashion-MNIST's four files, of whose test images the first 10,000 or fewer are used. Without a model, VGG-11 of an eighth of the widths is trained at 32x32, plain and with batch
 * normalization, for an epoch each; a third is the plain one with its channels scaled up or down by up to 2^5, and scaled back by
 * the next layer, which leaves its outputs as they are.
 */
import '@tensorflow/tfjs-backend-wasm';
import { type io, setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { scaleArch, VGG11, vgg } from 'vgg-blocks';
import { correctBiases, equalize, foldNorms } from 'vgg-blocks/compress';
import { fashionMnist, type ImageSet } from 'vgg-blocks/data';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights, type QuantizedDtype, saveModel } from 'vgg-blocks/weights';
import { seededRandom } from '../src/base/random.js';
import { table } from '../src/figures/table.js';
import { correctByStatistics } from './normStatistics.js';
import { processorName } from './processor.js';

/** Images of the training set from which biases are corrected. */
const CALIBRATION = 256;
const CLASSES = 10;

const [source, file, images = '10000'] = process.argv.slice(2);
if (!source) throw new Error('usage: npm run bench:quantize -- FOLDER [model] [images]');
installWasmKernels();
await setBackend('wasm');
const sets = await fashionMnist({ source });
const count = Number(images);

console.log(
  `${processorName()}, Node ${process.version}; errors of logits as fractions of the largest, ${count} images`,
);
if (file) {
  const { model } = await fromWeights(file);
  await compare(file, model);
} else {
  const plain = await trained({});
  await compare('VGG-11/8', plain);
  await compare('VGG-11/8, badly scaled channels', await badlyScaled(plain));
  await compare('VGG-11/8 with batch normalization', await trained({ batchNorm: true }));
}

async function trained(options: { batchNorm?: boolean }): Promise<LayersModel> {
  const model = vgg(scaleArch(VGG11, 8), {
    ...{ inputShape: [32, 32, 1], classes: CLASSES, hiddenUnits: [256, 256], seed: 1, ...options },
  });
  const trainSet = sets.trainSet.resize(32);
  await train(
    model,
    { trainSet },
    { epochs: 1, batchSize: 64, optimizer: 'adam', learningRate: 0.001, seed: 1 },
  );
  return model;
}

/** Prints a table for a network. */
async function compare(name: string, model: LayersModel): Promise<void> {
  const size = model.inputs[0]!.shape[1] as number;
  const testSet = first(sets.testSet.resize(size), count);
  const exact = await logitsOf(model, testSet);
  const calibration = first(sets.trainSet.resize(size), CALIBRATION);
  const rows = [['', 'top-1', 'agrees', 'largest error', 'mean error', 'cosine']];
  const row = (label: string, logits: Float32Array) =>
    rows.push([label, ...figures(logits, exact, sets.testSet.labels)]);
  const add = async (label: string, from: LayersModel, dtype: QuantizedDtype) => {
    const read = await readBack(from, dtype);
    row(label, await logitsOf(read, testSet));
    read.dispose();
  };
  row('float32', exact);
  await add('float16', model, 'float16');
  await add('uint16', model, 'uint16');
  await add('uint8', model, 'uint8');
  const folded = foldNorms(model);
  if (folded.weights.length < model.weights.length) await add('uint8, folded', folded, 'uint8');
  const correctedAlone = await correctBiases(folded, calibration);
  await add('uint8, biases corrected', correctedAlone, 'uint8');
  const equalized = await equalize(folded);
  await add('uint8, equalized', equalized, 'uint8');
  if (folded.weights.length < model.weights.length) {
    const byStatistics = await changed(equalized, () => {});
    correctByStatistics(model, folded, byStatistics);
    await add(
      "uint8, equalized, biases corrected by batch normalization's statistics",
      byStatistics,
      'uint8',
    );
    byStatistics.dispose();
  }
  const corrected = await correctBiases(equalized, calibration);
  await add('uint8, equalized, biases corrected', corrected, 'uint8');
  const byChannel = await roundedByChannel(folded);
  row('8 bits, a scale for each channel', await logitsOf(byChannel, testSet));
  console.log(`\n${name}\n${table(rows)}`);
  for (const one of [folded, correctedAlone, equalized, corrected, byChannel]) one.dispose();
}

/** The first images of a set. */
function first(set: ImageSet, length: number) {
  return {
    length,
    shape: set.shape,
    *batches({ batchSize }: { batchSize: number }) {
      let left = length;
      for (const batch of set.batches({ batchSize })) {
        yield batch;
        left -= batchSize;
        if (left <= 0) return;
      }
    },
  };
}

async function logitsOf(model: LayersModel, set: ReturnType<typeof first>): Promise<Float32Array> {
  const logits = new Float32Array(set.length * CLASSES);
  let at = 0;
  for (const { xs, ys } of set.batches({ batchSize: 50 })) {
    const y = tidy(() => model.predict(xs) as Tensor);
    logits.set(await y.data(), at);
    at += y.size;
    for (const one of [xs, ys, y]) one.dispose();
  }
  return logits;
}

function figures(logits: Float32Array, exact: Float32Array, labels: ArrayLike<number>): string[] {
  let [largest, worst, total, dot, a, b, right, same] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const [i, one] of logits.entries()) {
    const other = exact[i]!;
    largest = Math.max(largest, Math.abs(other));
    worst = Math.max(worst, Math.abs(one - other));
    total += Math.abs(one - other);
    [dot, a, b] = [dot + one * other, a + one * one, b + other * other];
  }
  const count = logits.length / CLASSES;
  const best = (all: Float32Array, i: number) => {
    const row = all.subarray(i * CLASSES, (i + 1) * CLASSES);
    return row.indexOf(Math.max(...row));
  };
  for (let i = 0; i < count; i++) {
    if (best(logits, i) === labels[i]) right++;
    if (best(logits, i) === best(exact, i)) same++;
  }
  const percent = (value: number) => `${((100 * value) / count).toFixed(2)} %`;
  const error = (value: number) => (value / largest).toExponential(1);
  const cosine = dot / Math.sqrt(a * b);
  return [
    ...[percent(right), percent(same), error(worst), error(total / logits.length)],
    cosine > 0.99999 ? `1 - ${(1 - cosine).toExponential(0)}` : cosine.toFixed(5),
  ];
}

/** What tfjs reads from the files of a quantized model. */
async function readBack(model: LayersModel, quantize: QuantizedDtype): Promise<LayersModel> {
  let saved: io.ModelArtifacts | undefined;
  const save = async (artifacts: io.ModelArtifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } };
  };
  await saveModel(model, { save }, { quantize });
  return loadLayersModel({ load: async () => saved! });
}

/** A model with kernels of 8 bits and a scale and a zero for each output channel. */
async function roundedByChannel(model: LayersModel): Promise<LayersModel> {
  return changed(model, (kernel, out) => {
    for (let channel = 0; channel < out; channel++) {
      let [low, high] = [0, 0];
      for (let i = channel; i < kernel.length; i += out) {
        low = Math.min(low, kernel[i]!);
        high = Math.max(high, kernel[i]!);
      }
      const scale = (high - low) / 255 || 1;
      const zero = Math.round(-low / scale);
      for (let i = channel; i < kernel.length; i += out) {
        const level = Math.min(255, Math.max(0, Math.round(kernel[i]! / scale) + zero));
        kernel[i] = (level - zero) * scale;
      }
    }
  });
}

/** The same function, with the outputs of all layers but the last scaled by powers of two. */
async function badlyScaled(model: LayersModel): Promise<LayersModel> {
  const random = seededRandom(1);
  const last = model.layers.at(-1)!.name;
  let before = [1];
  return changed(model, (kernel, out, bias, name) => {
    const own = Array.from({ length: out }, () => (name === last ? 1 : 2 ** random.between(-5, 5)));
    for (const i of kernel.keys()) {
      kernel[i]! *= own[i % out]! / before[Math.floor(i / out) % before.length]!;
    }
    for (const i of bias.keys()) bias[i]! *= own[i]!;
    before = own;
  });
}

/** A copy whose kernels and biases were changed in place. */
async function changed(
  model: LayersModel,
  change: (kernel: Float32Array, out: number, bias: Float32Array, name: string) => void,
): Promise<LayersModel> {
  // Without batch normalization, a copy.
  const copy = foldNorms(model);
  for (const { weights, name } of copy.layers) {
    const [kernel, bias] = weights;
    if (!kernel || !bias) continue;
    const values = [kernel, bias].map((one) => (one.read() as Tensor).dataSync().slice() as Float32Array);
    change(values[0]!, kernel.shape.at(-1)!, values[1]!, name);
    for (const [i, one] of [kernel, bias].entries()) {
      const value = tensor(values[i]!, one.shape as number[]);
      one.write(value);
      value.dispose();
    }
  }
  return copy;
}
