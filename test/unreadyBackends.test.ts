import {
  disposeVariables,
  getKernelsForBackend,
  type KernelBackend,
  memory,
  ones,
  registerBackend,
  registerKernel,
  removeBackend,
  setBackend,
  type Tensor4D,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeEach, expect, test } from 'vitest';
import { foldNorms } from '../src/compress/index.js';
import {
  featureExtractor,
  featureMapGrid,
  gramMatrix,
  perceptualLoss,
  totalVariation,
  transferHead,
} from '../src/features/index.js';
import { normalizeImages } from '../src/images/index.js';
import { fullyConvolutional } from '../src/index.js';
import { growFrom } from '../src/train/index.js';
import { build, CALLS, type Model, preprocessing, release } from './support/waitingCalls.js';

/** What is made before the backend is another. */
interface Made {
  images: Tensor4D;
  loss: ReturnType<typeof perceptualLoss>;
  extractor: Model;
}

const MORE: Record<string, (model: Model, made: Made) => unknown> = {
  featureExtractor: (_, { images, extractor }) => extractor.predict(images),
  featureMapGrid: (_, { images }) => featureMapGrid(images),
  foldNorms: (model) => foldNorms(model),
  fullyConvolutional: (model) => fullyConvolutional(model),
  gramMatrix: (_, { images }) => gramMatrix(images),
  growFrom: (model) => growFrom(model, model),
  normalizeImages: (_, { images }) => normalizeImages(images, preprocessing),
  perceptualLoss: (_, { images, loss }) => loss(images, images),
  totalVariation: (_, { images }) => totalVariation(images),
};

const calls: [string, (model: Model, made: Made) => unknown][] = [
  ...Object.entries(CALLS).map(([name, call]): [string, (model: Model) => unknown] => [
    name,
    (model) => call(model, () => {}),
  ]),
  ...Object.entries(MORE),
];

beforeEach(() => setBackend('cpu'));

/** What a call says with a backend that `change` made, undefined if it needs none. */
async function saidWith(change: () => () => unknown, call: (model: Model, made: Made) => unknown) {
  const model = build();
  const images = ones([1, 4, 4, 3]) as Tensor4D;
  const loss = perceptualLoss(model, ['block1_conv1'], { preprocessing });
  const made: Made = { images, loss, extractor: featureExtractor(model, 'block1_conv1') };
  const before = memory().numTensors;
  const end = change();
  let said: string | undefined;
  try {
    release(await call(model, made));
  } catch (error) {
    said = (error as Error).message;
  }
  await end();
  expect(memory().numTensors).toBe(before);
  model.dispose();
  images.dispose();
  return said;
}

/** Those that read the weights alone, which another backend has. */
const READERS = ['encodeWeights', 'saveModel', 'toOnnx'];

test.each(calls)(
  '%s says that a backend is still starting, not that it lacks something',
  async (name, call) => {
    const starting = () => {
      let finish = (_: KernelBackend) => {};
      registerBackend('starting', () => new Promise<KernelBackend>((resolve) => (finish = resolve)));
      const started = setBackend('starting');
      return async () => {
        finish({ dispose() {} } as KernelBackend);
        await started;
        await setBackend('cpu');
        removeBackend('starting');
      };
    };
    const said = await saidWith(starting, call);
    if (said !== undefined || !READERS.includes(name)) {
      const where = name.split(' ')[0];
      expect(said).toMatch(
        new RegExp(
          `^(${where}|ImageSet): the backend of TensorFlow.js is not ready; await tf.ready\\(\\) or tf`,
        ),
      );
    }
  },
);

test.each(calls)('%s names a kernel that the backend lacks', async (name, call) => {
  const without = () => {
    const lost = getKernelsForBackend('cpu');
    for (const { kernelName } of lost) unregisterKernel(kernelName, 'cpu');
    return () => lost.forEach(registerKernel);
  };
  const said = await saidWith(without, call);
  if (said !== undefined)
    expect(said).toMatch(
      /^(\w+): the backend cpu has no kernel \w+(, which .*| for the gradient .*)?; choose another/,
    );
  else expect([...READERS, 'loadWeights']).toContain(name);
});

test('models whose weights tf.disposeVariables took are not built upon', () => {
  const model = build();
  const base = featureExtractor(model, 'block1_conv1');
  disposeVariables();
  const gone = 'the weights of the model are disposed, as by tf.disposeVariables(); build or load it again.';
  expect(() => growFrom(model, model)).toThrow(`growFrom: ${gone}`);
  expect(() => transferHead(base, { classes: 2 })).toThrow(`transferHead: ${gone}`);
});
