import { getBackend, memory, type Tensor, tensor1d, zeros } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type Shape,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases } from '../src/compress/index.js';
import {
  cacheFeatures,
  embed,
  explain,
  faithfulness,
  gradCam,
  saliency,
  styleTransfer,
  visualize,
} from '../src/features/index.js';
import { classify } from '../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import {
  diagnose,
  type Examples,
  evaluate,
  evaluateImages,
  predictClasses,
  throughput,
  train,
} from '../src/train/index.js';
import { useAnyBackend } from './support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

/** A layer of the caller's that fails. */
class Broken extends layers.Layer {
  static className = 'Broken';
  override computeOutputShape(shape: Shape): Shape {
    return shape;
  }
  override call(inputs: Tensor | Tensor[]): Tensor {
    if (getBackend()) throw new TypeError("Cannot read properties of undefined (reading 'gain')");
    return [inputs].flat()[0]!;
  }
}

const chain = (dtype: 'float32' | 'int32', ...all: layers.Layer[]): LayersModel => {
  const x = input({ shape: [8, 8, 3], dtype });
  return modelOf({
    inputs: x,
    outputs: all.reduce((y: SymbolicTensor, layer) => layer.apply(y) as SymbolicTensor, x),
  });
};
const conv = () => layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv' });
const top = () => [layers.flatten(), layers.dense({ units: 32 }), layers.dense({ units: 2, name: 'logits' })];

/** Networks that TensorFlow.js builds and cannot compute, with what it says. */
const NETWORKS: Record<string, () => [LayersModel, RegExp]> = {
  'a layer of its own that throws': () => [
    chain('float32', conv(), new Broken({ name: 'broken' }), ...top()),
    /broken \(Broken\) of the (model|base) cannot be computed: Cannot read properties of undefined \(reading 'gain'\);/,
  ],
  'a softmax along the batch': () => [
    chain('float32', conv(), layers.softmax({ axis: 1, name: 'sums' }), ...top()),
    /sums \(Softmax\) of the (model|base) cannot be computed: Softmax along a non-last dimension is not yet supported/,
  ],
  'integers into a convolution': () => [
    chain('int32', conv(), ...top()),
    /conv \(Conv2D\) of the (model|base) cannot be computed: Argument 'x' passed to 'conv2d' must be float32 tensor, but got int32 tensor;/,
  ],
  resizing: () => [
    chain('float32', conv(), layers.resizing({ height: 4, width: 4, name: 'smaller' }), ...top()),
    /smaller \(Resizing\) of the (model|base) cannot be computed: (Invalid typed array length|Error in resizeBilinear)/,
  ],
};

const set: Examples = {
  ...{ length: 32, shape: [8, 8, 3], classNames: ['a', 'b'] },
  *batches() {
    yield {
      xs: zeros([32, 8, 8, 3]),
      ys: tensor1d(
        Array.from({ length: 32 }, (_, i) => i % 2),
        'int32',
      ),
    };
  },
};
const image = { data: new Uint8Array(192), width: 8, height: 8 };
const other = { ...image, data: image.data.map((_, i) => i) };
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 8, resize: { shorterSide: 8 } };
const map = { values: Float32Array.from({ length: 64 }, (_, i) => i), width: 8, height: 8, classIndex: 0 };

const CALLS: Record<string, (model: LayersModel) => Promise<unknown>> = {
  agreement: (model) => agreement(model, model, set),
  cacheFeatures: (model) => cacheFeatures(model, set),
  classify: (model) => classify(model, image, { preprocessing, labels: ['a', 'b'] }),
  compress: (model) => compress(model, { maxError: 0.5 }, set),
  correctBiases: (model) => correctBiases(model, set),
  diagnose: (model) => diagnose(model, set),
  embed: (model) => embed(model, [image], { layer: 'logits', preprocessing }),
  evaluate: (model) => evaluate(model, set),
  evaluateImages: (model) =>
    evaluateImages(model, {
      length: 1,
      preprocessing,
      originals: function* () {
        yield { image, label: 0 };
      },
    }),
  explain: (model) => explain(model, image, { method: 'occlusion', preprocessing, window: 2 }),
  faithfulness: (model) => faithfulness(model, image, map, { preprocessing }),
  gradCam: (model) => gradCam(model, image, { preprocessing }),
  predictClasses: (model) => predictClasses(model, set),
  saliency: (model) => saliency(model, image, { preprocessing }),
  styleTransfer: (model) =>
    styleTransfer(
      model,
      { content: image, style: other },
      { contentLayers: ['logits'], styleLayers: ['conv'], steps: 1, size: 8, preprocessing },
    ),
  throughput: (model) => throughput(model, { seconds: 0 }),
  train: (model) => train(model, { trainSet: set }, { epochs: 1 }),
  visualize: (model) => visualize(model, 'logits', 0, { steps: 1, preprocessing }),
};

/** What calls layers one by one, or takes them into a model of its own, does not fail where the model does. */
const ONE_BY_ONE = ['embed', 'explain', 'faithfulness', 'gradCam', 'saliency', 'styleTransfer', 'visualize'];

test.each(Object.keys(NETWORKS))('the layer that cannot be computed is named: %s', async (name) => {
  const [model, sentence] = NETWORKS[name]!();
  for (const [where, call] of Object.entries(CALLS)) {
    if (/^(integers|resizing)/.test(name) && ONE_BY_ONE.includes(where)) continue;
    const before = memory().numTensors;
    const error = await call(model).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(error?.message ?? 'no error', where).toMatch(sentence);
    expect(error?.message).toMatch(new RegExp(`^${where}: the layer `));
    expect(memory().numTensors, where).toBe(before);
  }
  model.dispose();
});

test.each(['explain', 'gradCam', 'saliency'])(
  '%s says which layer gets another shape than the one before it declares',
  async (where) => {
    const resizing = layers.resizing({ height: 4, width: 4, name: 'smaller' });
    const model = chain('float32', conv(), resizing, ...top());
    const before = memory().numTensors;
    await expect(CALLS[where]!(model)).rejects.toThrow(
      new RegExp(`^${where}: the layer dense\\w* gets another shape than the model was built for, .*; build`),
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test('an error of the caller stays as it is', async () => {
  const [model] = NETWORKS['a softmax along the batch']!();
  const onProgress = () => {
    throw new TypeError('no such row');
  };
  const fine = chain('float32', conv(), ...top());
  await expect(evaluate(fine, set, { onProgress })).rejects.toThrow(/^no such row$/);
  await expect(evaluate(model, set, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow(
    /^stop$/,
  );
  fine.dispose();
  model.dispose();
});
