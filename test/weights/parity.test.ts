import { memory, type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import { type LayersModel, model as subModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { fromWeights } from '../../src/weights/index.js';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';
import { fixturePath, readExpected } from '../support/fixtures.js';
import type { Reference } from '../support/safetensors.js';
import { KERAS_FIXTURES, ONE_OF_EACH, relativeError, TORCH_FIXTURES } from './files.js';

const NHWC = [0, 2, 3, 1];

/** What a model makes of an image at some of its layers, the last one being its output. */
async function outputsOf(model: LayersModel, layers: string[], { data, shape }: Reference, order?: number[]) {
  const outputs = [...layers.map((name) => model.getLayer(name).output as never), model.outputs[0] as never];
  const taps = subModel({ inputs: model.inputs, outputs });
  const results = tidy(() => {
    const x = tensor(data, shape);
    return [taps.predict(order ? transpose(x, order) : x) as Tensor | Tensor[]].flat();
  });
  const values = await Promise.all(results.map((result) => result.data()));
  for (const result of results) result.dispose();
  return values;
}

/** A reference of PyTorch's feature maps with its channels last. */
function channelsLast({ data, shape: [n, c, h, w] }: Reference): Float32Array {
  const [batch, channels, places] = [n!, c!, h! * w!];
  return Float32Array.from(data, (_, i) => {
    const [image, place, channel] = [
      Math.floor(i / (places * channels)),
      Math.floor(i / channels) % places,
      i % channels,
    ];
    return data[(image * channels + channel) * places + place]!;
  }).subarray(0, batch * channels * places);
}

describe.each(backends)('on %s', (backend) => {
  test.each(TORCH_FIXTURES)('$file computes what PyTorch computed', async (fixture) => {
    await useBackend(backend);
    const expected = await readExpected(fixture.expected);
    const path = fixturePath(`${fixture.file}`);
    const before = memory().numTensors;
    const { model, network, report } = await fromWeights(path, { inputShape: [96, 96, 3] });
    expect(network!.title).toBe(fixture.title);
    expect(report).toMatchObject({ missing: [], leftOver: [], mismatched: [], nonFinite: [] });
    const [logits] = await outputsOf(model, [], expected.get('input96')!, NHWC);
    expect(relativeError(logits!, expected.get('logits96')!.data)).toBeLessThan(fixture.tolerance);
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  // Once loaded a network does not know what kind of file it came from.
  test.each(ONE_OF_EACH)('$file computes what PyTorch computed at 224, its poolings too', async (fixture) => {
    await useBackend(backend);
    const expected = await readExpected(fixture.expected);
    const { model } = await fromWeights(fixturePath(`${fixture.file}`));
    const pools = ['block3_pool', 'block4_pool', 'block5_pool'];
    const outputs = await outputsOf(model, pools, expected.get('input')!, NHWC);
    for (const [i, pool] of ['pool3', 'pool4', 'pool5'].entries()) {
      const values = channelsLast(expected.get(pool)!);
      expect(relativeError(outputs[i]!, values), pool).toBeLessThan(fixture.tolerance);
    }
    expect(relativeError(outputs[3]!, expected.get('logits')!.data)).toBeLessThan(fixture.tolerance);
    model.dispose();
  });

  test.each(KERAS_FIXTURES)('$file computes what Keras computed', async ({ file, format, knowsSoftmax }) => {
    await useBackend(backend);
    const expected = await readExpected('keras/vgg16-narrow');
    const before = memory().numTensors;
    const options = knowsSoftmax ? {} : ({ classifierActivation: 'softmax' } as const);
    const { model, report } = await fromWeights(fixturePath(`${file}`), options);
    expect(report).toMatchObject({
      format,
      names: 'keras',
      missing: [],
      leftOver: [],
      mismatched: [],
      nonFinite: [],
    });
    const names = ['pool3', 'pool4', 'pool5', 'probabilities'];
    const outputs = await outputsOf(
      model,
      ['block3_pool', 'block4_pool', 'block5_pool'],
      expected.get('input')!,
    );
    for (const [i, name] of names.entries()) {
      expect(relativeError(outputs[i]!, expected.get(name)!.data), name).toBeLessThan(1e-5);
    }
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

test('the file without top gives the features of the whole one', async () => {
  await useAnyBackend('wasm');
  const expected = await readExpected('keras/vgg16-narrow');
  const { model, network } = await fromWeights(fixturePath('keras/vgg16-narrow-notop.published.h5'));
  expect(network!.top).toBeUndefined();
  expect(model.inputs[0]!.shape).toEqual([null, null, null, 3]);
  const [features] = await outputsOf(model, [], expected.get('input')!);
  expect(relativeError(features!, expected.get('pool5')!.data)).toBeLessThan(1e-5);
  model.dispose();
});
