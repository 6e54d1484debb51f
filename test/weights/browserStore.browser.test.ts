import { io, memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fromWeights, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

test.each(['indexeddb', 'localstorage'])('a model that tfjs stored under %s:// is loaded', async (scheme) => {
  const url = `${scheme}://vgg-blocks-test`;
  const model = vgg([[1, 2]], { inputShape: [8, 8, 3], classes: 2, hiddenUnits: 3 });
  setMetadata(model, { classNames: ['cat', 'dog'] });
  await model.save(url);
  const before = memory().numTensors;
  const loaded = await fromWeights(url);
  expect(loaded.metadata.classNames).toEqual(['cat', 'dog']);
  const weights = (one: typeof model) => Promise.all(one.getWeights().map((weight) => weight.data()));
  expect(await weights(loaded.model)).toEqual(await weights(model));
  loaded.model.dispose();
  expect(memory().numTensors).toBe(before);
  model.dispose();
  await io.removeModel(url);
  await expect(fromWeights(url)).rejects.toThrow(
    /^.*:\/\/vgg-blocks-test: .*; save the model under this name first\.$/,
  );
  expect(memory().numTensors).toBe(before - model.weights.length);
});
