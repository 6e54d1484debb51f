import {
  engine,
  type KernelBackend,
  memory,
  registerBackend,
  removeBackend,
  setBackend,
  zeros,
} from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { vgg } from '../../src/core/vgg.js';
import { ImageSet } from '../../src/data/index.js';
import { imageToTensor, PLAIN_PREPROCESSING, tensorToImage } from '../../src/images/index.js';
import { preprocess } from '../../src/images/preprocess.js';

const image = { data: new Uint8Array(12), width: 2, height: 2 };
const set = new ImageSet({
  images: new Uint8Array(4),
  labels: new Uint8Array(1),
  shape: [2, 2, 1],
  classNames: ['a'],
});
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 2, resize: { shorterSide: 2 } };

/** Begins to start a backend without waiting, as one forgets; returns what ends it and goes back to cpu. */
function startBackend(): () => Promise<void> {
  let finish = (_: KernelBackend) => {};
  registerBackend('starting', () => new Promise<KernelBackend>((resolve) => (finish = resolve)));
  const starting = setBackend('starting');
  return async () => {
    finish({ dispose() {} } as KernelBackend);
    await starting;
    await setBackend('cpu');
    removeBackend('starting');
  };
}

/** What makes tensors, or reads them. */
const calls: [name: string, call: () => unknown][] = [
  ['vgg', () => vgg([[1, 1]], { inputShape: [2, 2, 1], classes: 2, hiddenUnits: [] })],
  ['preprocess', () => preprocess(image, preprocessing)],
  ['imageToTensor', () => imageToTensor(image)],
  ['ImageSet', () => set.batches({ batchSize: 1 })],
];

beforeEach(() => setBackend('cpu'));

test.each(calls)('%s says that a backend is still starting, or that there is none', async (name, call) => {
  const before = memory().numTensors;
  const said = async () => call();
  const started = startBackend();
  await expect(said()).rejects.toThrow(
    `${name}: the backend of TensorFlow.js is not ready; await tf.ready() or tf.setBackend() first.`,
  );
  await started();
  const none = vi.spyOn(Object.getPrototypeOf(engine()), 'backend', 'get').mockImplementation(() => {
    throw new Error('No backend found in registry.');
  });
  onTestFinished(() => none.mockRestore());
  await expect(said()).rejects.toThrow(
    `${name}: TensorFlow.js has no backend; import one, such as @tensorflow/tfjs-backend-wasm.`,
  );
  none.mockRestore();
  expect(memory().numTensors).toBe(before);
});

test('tensorToImage, given a tensor of the backend before, says that the next is still starting', async () => {
  const tensor = zeros([2, 2, 3]);
  const started = startBackend();
  await expect(tensorToImage(tensor)).rejects.toThrow(
    'tensorToImage: the backend of TensorFlow.js is not ready;',
  );
  await started();
  tensor.dispose();
});
