import '@tensorflow/tfjs-backend-wasm';
import { readFileSync, statSync } from 'node:fs';
import { memory, setBackend, type Tensor, tensor4d } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { fashionMnist } from '../../src/data/index.js';
import { visualize } from '../../src/features/index.js';
import { evaluate } from '../../src/train/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { fromWeights } from '../../src/weights/index.js';
import { realImages } from '../support/realImages.js';

const FILE = new URL('../../examples/fashion-mnist.safetensors', import.meta.url);
const images = await realImages('fashion-mnist');

test.skipIf(!images)(
  'the pretrained network of the examples names garments that it has not seen',
  async () => {
    installWasmKernels();
    await setBackend('wasm');
    expect(statSync(FILE).size).toBeLessThan(200_000);
    const { model, metadata } = await fromWeights(readFileSync(FILE));
    const { testSet } = await fashionMnist({ source: images!, cache: false });
    expect(metadata?.classNames).toEqual(testSet.classNames);
    // Of all 10,000 it names 93 %.
    const { accuracy } = await evaluate(model, testSet.take(0, Math.min(1000, testSet.length)));
    expect(accuracy).toBeGreaterThan(0.9);
    model.dispose();
  },
);

test('visualize draws its classes as images that it takes for them, the same ones for the same seed', async () => {
  installWasmKernels();
  await setBackend('wasm');
  const { model } = await fromWeights(readFileSync(FILE));
  const before = memory().numTensors;
  const drawn = await visualize(model, 'logits', 8, { steps: 20 });
  expect(memory().numTensors).toBe(before);
  expect(await visualize(model, 'logits', 8, { steps: 20 })).toEqual(drawn);
  expect(await visualize(model, 'logits', 8, { steps: 20, seed: 1 })).not.toEqual(drawn);
  const x = tensor4d(
    Float32Array.from(drawn.data, (byte) => byte / 255),
    [1, 28, 28, 1],
  );
  const output = model.predict(x) as Tensor;
  const logits = await output.data();
  expect(logits.indexOf(Math.max(...logits))).toBe(8);
  for (const one of [x, output, model]) one.dispose();
});
