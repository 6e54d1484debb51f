import {
  add,
  memory,
  type Optimizer,
  SGDOptimizer,
  scalar,
  type Tensor,
  train as tfjs,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { freeze } from '../../src/features/index.js';
import { vgg } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';
import { leavingNothing } from '../support/leavingNothing.js';

beforeAll(() => useAnyBackend('wasm'));

const build = () => vgg([[1, 2]], { inputShape: [4, 4, 1], hiddenUnits: 3, classes: 2, dropout: 0 });

const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 8 * 16 }, (_, i) => (37 * i) % 251),
  labels: Uint8Array.from({ length: 8 }, (_, i) => i % 2),
  shape: [4, 4, 1],
  classNames: ['a', 'b'],
});

const run = (model: LayersModel, optimizer: Optimizer, options: object = {}) =>
  train(model, { trainSet }, { epochs: 1, batchSize: 4, optimizer, ...options });

/** The weights, for an optimizer to begin at. */
const numbersOf = (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => Array.from(await weight.data())));

const OPTIMIZERS: Record<string, () => Optimizer> = {
  sgd: () => tfjs.sgd(0.1),
  momentum: () => tfjs.momentum(0.1, 0.9),
  adagrad: () => tfjs.adagrad(0.1),
  adadelta: () => tfjs.adadelta(0.1),
  adam: () => tfjs.adam(0.01),
  adamax: () => tfjs.adamax(0.01),
  rmsprop: () => tfjs.rmsprop(0.01, 0.9, 0.5),
};

const STATEFUL = Object.entries(OPTIMIZERS).filter(([name]) => name !== 'sgd');

describe.each(Object.entries(OPTIMIZERS))("tfjs's own %s", (name, create) => {
  test('trains a model in one run after another', async () => {
    const [model, optimizer] = [build(), create()];
    await run(model, optimizer);
    const before = await numbersOf(model);
    await leavingNothing(() => run(model, optimizer));
    expect(await numbersOf(model)).not.toEqual(before);
    optimizer.dispose();
    model.dispose();
  });

  test('is refused once it is disposed', async () => {
    const [model, optimizer] = [build(), create()];
    await run(model, optimizer);
    optimizer.dispose();
    if (name === 'sgd') expect((optimizer as unknown as { c: Tensor }).c.isDisposed).toBe(true);
    await leavingNothing(() =>
      expect(run(model, optimizer)).rejects.toThrow(
        'train: the optimizer passed is disposed; pass a new one.',
      ),
    );
    model.dispose();
  });

  test('is refused when it is disposed during the run', async () => {
    const [model, optimizer] = [build(), create()];
    await run(model, optimizer);
    const onStep = () => optimizer.dispose();
    await expect(run(model, optimizer, { onStep })).rejects.toThrow(
      'train: the optimizer passed is disposed; pass a new one.',
    );
    model.dispose();
  });
});

describe.each(STATEFUL)("the state of tfjs's own %s", (_, create) => {
  test('is refused for another model, also of the same shapes', async () => {
    const [first, second, optimizer] = [build(), build(), create()];
    await run(first, optimizer);
    await leavingNothing(() =>
      expect(run(second, optimizer)).rejects.toThrow(
        /^train: the optimizer passed has the state of other weights \(block1_conv1\/kernel\S*\); pass a new one for each model, and after freezing or unfreezing layers\.$/,
      ),
    );
    // Whose weights have no names any more.
    first.dispose();
    await expect(run(second, optimizer)).rejects.toThrow('has the state of other weights');
    optimizer.dispose();
    second.dispose();
  });

  test('is refused once the layers at its places are others', async () => {
    const [model, optimizer] = [build(), create()];
    const onStep = () => freeze(model, 'block1_conv1');
    await expect(run(model, optimizer, { onStep })).rejects.toThrow('has the state of other weights');
    optimizer.dispose();
    model.dispose();
  });
});

// tfjs cannot bring back that of adamax.
const RESTORED = STATEFUL.filter(([name]) => name !== 'adamax');

describe.each(RESTORED)('the state of %s that setWeights brought', (_, create) => {
  test('goes on with another optimizer that takes it over', async () => {
    const [one, other] = [build(), build()];
    const [first, second] = [create(), create()];
    await run(one, first);
    other.setWeights(one.getWeights());
    const state = await first.getWeights();
    await second.setWeights(state);
    await run(one, first);
    await run(other, second);
    // tfjs computes powers of Adam's decay anew, which rounds otherwise.
    const [found, expected] = [await numbersOf(other), await numbersOf(one)].map((all) => all.flat());
    for (const [i, number] of expected!.entries()) expect(found![i]).toBeCloseTo(number, 5);
    state[0]!.tensor.dispose();
    for (const each of [one, other, first, second]) each.dispose();
  });

  test('is refused where it has other shapes', async () => {
    const [first, second] = [create(), create()];
    const model = build();
    const wider = vgg([[1, 5]], { inputShape: [4, 4, 1], hiddenUnits: 3, classes: 2, dropout: 0 });
    await run(model, first);
    await second.setWeights(await first.getWeights());
    await expect(run(wider, second)).rejects.toThrow('has the state of other weights');
    for (const each of [model, wider, first, second]) each.dispose();
  });
});

/** An optimizer whose step fails. */
class Failing extends SGDOptimizer {
  override applyGradients(): void {
    throw new Error('no step today');
  }
}

test.each([{}, { microBatchSize: 1 }])(
  'gradients are freed when an optimizer throws, %o',
  async (options) => {
    const [model, optimizer] = [build(), new Failing(0.1)];
    await leavingNothing(() => expect(run(model, optimizer, options)).rejects.toThrow('no step today'));
    optimizer.dispose();
    model.dispose();
  },
);

/** An optimizer of the caller's with a state that it does not keep out of scopes. */
class Counting extends SGDOptimizer {
  steps?: Tensor;

  override applyGradients(...all: Parameters<SGDOptimizer['applyGradients']>): void {
    super.applyGradients(...all);
    const before = this.steps;
    this.steps = before ? add(before, 1) : scalar(1);
    before?.dispose();
  }
}

test('what an optimizer makes for itself stays', async () => {
  const [model, optimizer] = [build(), new Counting(1)];
  const before = memory().numTensors;
  await run(model, optimizer);
  expect(memory().numTensors).toBe(before + 1);
  expect(await optimizer.steps!.data()).toEqual(Float32Array.of(2));
  for (const each of [optimizer.steps!, optimizer, model]) each.dispose();
});

const METHODS: [string, SGDOptimizer['minimize'], string][] = [
  ['does nothing', () => null, 'did not call the function that it was given; call it.'],
  [
    'returns nothing',
    (compute) => {
      compute().dispose();
      return null;
    },
    'returned null; return what the function that it was given returns.',
  ],
  [
    'is async',
    (compute) => Promise.resolve(compute()) as never,
    'returned a Promise (await it first); return what the function that it was given returns.',
  ],
];

test.each(METHODS)('a minimize that %s is named', async (_, minimize, sentence) => {
  const [model, optimizer] = [build(), new SGDOptimizer(0.1)];
  optimizer.minimize = minimize;
  await leavingNothing(() =>
    expect(run(model, optimizer)).rejects.toThrow(`train: minimize of the optimizer passed ${sentence}`),
  );
  for (const each of [optimizer, model]) each.dispose();
});

test('a model whose layers are all frozen while it is trained is named', async () => {
  const model = build();
  await leavingNothing(() =>
    expect(run(model, 'sgd' as never, { onStep: () => void freeze(model) })).rejects.toThrow(
      'train: all layers were frozen while the model was trained; leave one that is trained.',
    ),
  );
  model.dispose();
});

test('an object that only minimizes is no optimizer', async () => {
  const model = build();
  await expect(run(model, { minimize: () => null } as never)).rejects.toThrow(
    /^train: optimizer is .*; it must be one of "sgd"/,
  );
  model.dispose();
});
