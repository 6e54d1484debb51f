import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { topologyOf } from '../../src/tfjs/configurations.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

test('a layer keeps a getConfig of its own, also where two models share the layer', () => {
  const shared = layers.separableConv2d({ filters: 2, kernelSize: 1, depthMultiplier: 3, name: 'shared' });
  const plain = layers.separableConv2d({ filters: 2, kernelSize: 1, depthMultiplier: 2, name: 'plain' });
  const inner = sequential({ layers: [layers.inputLayer({ inputShape: [2, 2, 2] }), shared] });
  const other = sequential({ layers: [layers.inputLayer({ inputShape: [2, 2, 2] }), shared] });
  const model = sequential({ layers: [inner, plain, other] });
  const ownConfig = shared.getConfig.bind(shared);
  const own = () => ({ ...ownConfig(), note: 'of the caller' });
  shared.getConfig = own;
  const text = JSON.stringify(topologyOf(model));
  expect(text).toContain('"note":"of the caller"');
  expect(text).toContain('"depth_multiplier":3');
  expect(text).toContain('"depth_multiplier":2');
  expect(shared.getConfig).toBe(own);
  expect(Object.hasOwn(plain, 'getConfig')).toBe(false);
  model.dispose();
});
