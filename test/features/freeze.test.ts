import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { freeze, transferHead, unfreeze } from '../../src/features/index.js';
import { train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';
import { frozenBase, images, narrow, RUN } from './narrow.js';

/** A layer's weights by its name, each as a text. */
const valuesOf = async (model: LayersModel) => {
  const read = async (layer: LayersModel['layers'][number]) =>
    [
      layer.name,
      await Promise.all(layer.getWeights().map(async (weight) => (await weight.data()).join())),
    ] as const;
  return new Map(await Promise.all(model.layers.map(read)));
};
const trainable = (model: LayersModel) =>
  model.layers.filter((l) => l.trainableWeights.length > 0).map((l) => l.name);

beforeAll(() => useAnyBackend());

describe('freeze and unfreeze', () => {
  const convs = ['1_conv1', '2_conv1', '3_conv1', '3_conv2', '4_conv1', '4_conv2', '5_conv1', '5_conv2'].map(
    (name) => `block${name}`,
  );

  test.each<[string | undefined, string[]]>([
    [undefined, []],
    ['block4', ['block5_conv1', 'block5_conv2']],
    ['block4_pool', ['block5_conv1', 'block5_conv2']],
    ['pool4', ['block5_conv1', 'block5_conv2']],
    ['block5_conv1', ['block5_conv2']],
    ['relu5_1', ['block5_conv2']],
    ['input_layer', convs],
  ])('freeze up to %s leaves the rest trainable', (upTo, rest) => {
    const model = narrow();
    expect(freeze(model, upTo)).toBe(model);
    expect(trainable(model)).toEqual(rest);
    model.dispose();
  });

  test.each<[string | undefined, string[]]>([
    [undefined, convs],
    ['block5', ['block5_conv1', 'block5_conv2']],
    ['conv5_2', ['block5_conv2']],
    ['block4_pool', ['block5_conv1', 'block5_conv2']],
  ])('unfreeze from %s', (from, thawed) => {
    const model = unfreeze(frozenBase(), from);
    expect(trainable(model)).toEqual(thawed);
    model.dispose();
  });

  test('the averages to 7x7 stay fixed', () => {
    const model = narrow({ inputShape: [64, 64, 3], includeTop: true, adaptivePool: true, hiddenUnits: 4 });
    const before = trainable(model);
    expect(before).not.toContain('avgpool_height');
    expect(trainable(unfreeze(freeze(model)))).toEqual(before);
    model.dispose();
  });

  test('unknown names are an error that lists the known ones', () => {
    const model = narrow();
    expect(() => freeze(model, 'block6')).toThrow(
      /^freeze: there is no layer "block6"; the layers are input_layer,/,
    );
    expect(() => unfreeze(model, 'conv9_9')).toThrow(/^unfreeze: there is no layer "conv9_9"/);
    model.dispose();
  });
});

describe('training a partly frozen model', () => {
  test.each([false, true])(
    'leaves what is frozen as it is, bit for bit; batch norm: %s',
    async (batchNorm) => {
      const model = transferHead(frozenBase({ batchNorm }), { classes: 3 });
      unfreeze(model, 'block5');
      const before = await valuesOf(model);
      await train(model, { trainSet: images(12) }, RUN);
      for (const [name, values] of await valuesOf(model)) {
        const learns = name.startsWith('block5') || name === 'predictions';
        // The moving statistics of what is trained move too.
        expect(
          values.every((one, i) => (one === before.get(name)![i]) === !learns),
          name,
        ).toBe(true);
      }
      model.dispose();
    },
  );

  test('restores batch normalization afterwards', async () => {
    const model = transferHead(frozenBase({ batchNorm: true }), { classes: 3 });
    await train(model, { trainSet: images(6) }, { ...RUN, epochs: 1 });
    unfreeze(model);
    const moving = model.getLayer('block1_conv1_bn').getWeights()[2]!;
    const before = (await moving.data()).join();
    await train(model, { trainSet: images(6) }, { ...RUN, epochs: 1 });
    const after = await model.getLayer('block1_conv1_bn').getWeights()[2]!.data();
    expect(after.join()).not.toBe(before);
    model.dispose();
  });

  test('a model with nothing to train is an error', async () => {
    const model = freeze(transferHead(narrow(), { classes: 3 }));
    await expect(train(model, { trainSet: images(6) }, RUN)).rejects.toThrow(
      'train: no layer of the model is trainable, so there is nothing to train; unfreeze some.',
    );
    model.dispose();
  });
});
