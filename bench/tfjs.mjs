/** One process of index.ts, this library or stock tfjs: node tfjs.mjs PART 'LIBRARY BACKEND' SPEC */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { vgg } from 'vgg-blocks';
import { fileSystem, webgpuBackend } from 'vgg-blocks/node';
import { train } from 'vgg-blocks/train';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';
import { absent, answer, loop, readImages } from './child.mjs';
import { CLOCKS } from './timing.mjs';

await answer(async (part, variant, spec) => {
  const [library, backend] = variant.split(' ');
  const ours = library === 'vgg-blocks';
  const about = await start(ours, backend, spec);
  return { about, ...(await (part === 'load' ? load(ours, spec) : build(ours, spec))) };
});

/** Starts the backend and describes it. */
async function start(ours, backend, spec) {
  let about = `tfjs ${tf.version_core}`;
  if (backend === 'wasm') {
    await import('@tensorflow/tfjs-backend-wasm');
    if (ours) installWasmKernels({ threads: spec.threads });
  } else if (backend === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
  else if (backend === 'tensorflow') {
    const node = createRequire(import.meta.url)(process.env.VGG_BLOCKS_TFJS_NODE ?? '@tensorflow/tfjs-node');
    about = `tfjs-node ${node.version['tfjs-node']}, TensorFlow ${node.node?.versions?.tensorflow ?? ''}`;
  } else {
    const adapter = await webgpuBackend().catch((error) => {
      throw absent(error.message);
    });
    if (adapter.software && !spec.software)
      throw absent(`the adapter, ${adapter.description}, is not a GPU; pass --software to measure it anyway`);
    about += `, ${adapter.description}`;
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend did not start`);
  return about;
}

async function load(ours, spec) {
  const images = tf.tensor(readImages(spec), [spec.batchSize, ...spec.inputShape]);
  const one = tf.slice(images, 0, 1);
  await one.data();
  const now = CLOCKS[spec.clock];
  const begun = now();
  const model = ours
    ? (await fromWeights(`${spec.folder}/${spec.file ?? 'network.safetensors'}`)).model
    : await layers.loadLayersModel(fileSystem(`${spec.folder}/${spec.file ?? 'tfjs'}`));
  const loaded = now();
  const logits = [...(await model.predict(one).data())];
  const first = now() - loaded;
  const predictedAt = Date.now();
  const inference = await loop(spec, async () => {
    const y = model.predict(images);
    await y.data();
    y.dispose();
  });
  return { load: loaded - begun, first, predictedAt, logits, inference };
}

async function build(ours, spec) {
  const now = CLOCKS[spec.clock];
  const begun = now();
  const model = ours
    ? vgg(spec.arch, { inputShape: spec.inputShape, classes: spec.classes, hiddenUnits: spec.hiddenUnits })
    : stock(spec);
  // Backends with memory of their own copy the weights when they are first read.
  await model.getWeights().at(-1).data();
  const build = now() - begun;
  try {
    const training = await (ours ? trainOurs(model, spec) : trainStock(model, spec));
    return { build, training };
  } catch (error) {
    return { build, training: { error: error.message.split('\n')[0] } };
  }
}

/** The same network written with tfjs's layers, with Glorot's initializer as in the chapter. */
function stock({ arch, inputShape, classes, hiddenUnits }) {
  const kernelInitializer = 'glorotUniform';
  const image = layers.input({ shape: inputShape });
  const conv = (filters) =>
    layers.layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', kernelInitializer });
  const hidden = () => [
    layers.layers.dense({ units: hiddenUnits, activation: 'relu', kernelInitializer }),
    layers.layers.dropout({ rate: 0.5 }),
  ];
  const all = [
    ...arch.flatMap(([convs, filters]) => [
      ...Array.from({ length: convs }, () => conv(filters)),
      layers.layers.maxPooling2d({ poolSize: 2, strides: 2 }),
    ]),
    layers.layers.flatten(),
    ...hidden(),
    ...hidden(),
    layers.layers.dense({ units: classes, kernelInitializer }),
  ];
  return layers.model({ inputs: image, outputs: all.reduce((x, layer) => layer.apply(x), image) });
}

/** The class of each image. */
function classesOf({ batchSize, classes }) {
  return tf.tensor1d(
    Array.from({ length: batchSize }, (_, i) => (i * 7) % classes),
    'int32',
  );
}

/** Steps of `train`, without what it does once an epoch: milliseconds of each after the first two, ascending. */
async function trainOurs(model, spec) {
  const images = tf.tensor(readImages(spec), [spec.batchSize, ...spec.inputShape]);
  const classes = classesOf(spec);
  const { batchSize } = spec;
  const now = CLOCKS[spec.clock];
  const end = new AbortController();
  const times = [];
  const data = {
    length: 1e6 * batchSize,
    shape: spec.inputShape,
    *batches() {
      while (!end.signal.aborted) {
        times.push(now());
        // A run that is stopped is not searched for what keeps the network from learning.
        if (times.length > 4 && times.at(-1) - times[2] > 1000 * spec.seconds) end.abort();
        yield { xs: images.clone(), ys: classes.clone() };
      }
    },
  };
  await train(model, { trainSet: data }, { epochs: 1, batchSize, learningRate: 0.01, signal: end.signal });
  const steps = times.slice(2);
  return steps
    .slice(1)
    .map((time, i) => time - steps[i])
    .sort((a, b) => a - b);
}

function trainStock(model, spec) {
  const images = tf.tensor(readImages(spec), [spec.batchSize, ...spec.inputShape]);
  const labels = tf.oneHot(classesOf(spec), spec.classes);
  model.compile({
    optimizer: tf.train.sgd(0.01),
    loss: (y, output) => tf.losses.softmaxCrossEntropy(y, output),
  });
  // `trainOnBatch` waits for the loss.
  return loop(spec, () => model.trainOnBatch(images, labels));
}
