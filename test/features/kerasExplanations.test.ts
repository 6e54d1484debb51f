import { getBackend, type Tensor, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { explain, featureExtractor, gradCam, perceptualLoss, saliency } from '../../src/features/index.js';
import { fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixtureJson, fixturePath, noiseImages } from '../support/fixtures.js';
import { leavingNothing } from '../support/leavingNothing.js';
import { relativeError } from '../weights/files.js';

/** What Keras computed of a file of its own; see fixtures/make_keras_explanations.py. */
interface Case {
  classIndex: number;
  outputs: number[];
  saliency: number[];
  gradCam?: { layers: string[]; shape: [number, number]; values: number[] };
}
const cases = await fixtureJson<Record<string, Case>>('keras/explanations.json');

beforeAll(() => useAnyBackend());

test.each(Object.keys(cases).flatMap((name) => ['keras', 'h5'].map((ending) => [name, ending] as const)))(
  '%s.%s, which Keras saved, is explained as Keras computes it',
  async (name, ending) => {
    const { classIndex, outputs, saliency: slopes, gradCam: cam } = cases[name]!;
    const { model } = await fromWeights(fixturePath(`keras/${name}.${ending}`));
    const { data, shape } = noiseImages([1, 8, 8, 3], 9);
    const x = tensor4d(data, shape as [number, number, number, number]);
    const y = model.predict(x) as Tensor;
    expect(relativeError(await y.data<'float32'>(), outputs)).toBeLessThan(1e-5);
    // Its first layers become a depthwise convolution.
    if (getBackend() === 'wasm' && name === 'operations') {
      await expect(saliency(model, x, { classIndex })).rejects.toThrow(
        'saliency: the backend wasm has no kernel DepthwiseConv2dNativeBackpropInput',
      );
    } else {
      const map = await leavingNothing(() => saliency(model, x, { classIndex }));
      expect(relativeError(map.values, slopes)).toBeLessThan(1e-5);
      expect(await explain(model, x, { method: 'saliency', classIndex })).toEqual(map);
    }
    if (cam) {
      const found = await leavingNothing(() => gradCam(model, x, { classIndex }));
      expect([found.height, found.width]).toEqual(cam.shape);
      expect(relativeError(found.values, cam.values)).toBeLessThan(1e-5);
      // Its layers, which are within a model of the model, are known by their names.
      const layer = cam.layers.at(-1)!;
      expect(await gradCam(model, x, { classIndex, layer })).toEqual(found);
      const maps = featureExtractor(model, layer).predict(x) as Tensor4D;
      expect(maps.shape.slice(1, 3)).toEqual(cam.shape);
      const same = perceptualLoss(model, [layer])(x, x);
      expect([...(await same.data())]).toEqual([0]);
      for (const one of [maps, same]) one.dispose();
    }
    for (const one of [model, x, y]) one.dispose();
  },
);
