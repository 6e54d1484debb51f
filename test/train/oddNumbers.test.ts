import { cast, fill, memory, mul, sum, type Tensor, tensor1d, tensor4d, tidy } from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayerVariable,
  layers,
  model as modelOf,
  type Shape,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { diagnose, type Examples, memoryStore, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';
import { leavingNothing } from '../support/leavingNothing.js';

beforeAll(() => useAnyBackend('wasm'));

/** Eight images of two classes, in all of whose pixels is a number, and in one another. */
const imagesOf = (number: number): Examples => ({
  length: 8,
  shape: [2, 2, 1],
  *batches({ batchSize }) {
    for (let first = 0; first < 8; first += batchSize) {
      const count = Math.min(batchSize, 8 - first);
      const pixels = fill([count, 2, 2, 1], number);
      const xs = tidy(() => mul(pixels, tensor4d([1, 0.5], [1, 1, 2, 1])));
      pixels.dispose();
      yield { xs, ys: tensor1d(new Int32Array(count).fill(1), 'int32') };
    }
  },
});

/** A classifier behind some layers, whose dense layer begins with zeros. */
const classifier = (...before: layers.Layer[]) =>
  sequential({
    layers: [
      ...before,
      layers.flatten({ inputShape: [2, 2, 1] }),
      layers.dense({ units: 2, kernelInitializer: 'zeros', useBias: false }),
    ],
  });

test.each([1, 1e25])('gradients as large as %d are clipped to the norm that is asked for', async (number) => {
  const model = classifier();
  const options = { epochs: 1, batchSize: 8, learningRate: 1, clipNorm: 0.125 };
  await leavingNothing(() => train(model, { trainSet: imagesOf(number) }, options));
  const weights = await model.getWeights()[0]!.data();
  expect(Math.hypot(...weights)).toBeCloseTo(0.125, 5);
  model.dispose();
});

test('diagnose says the range of finite images whose mean square is infinite', async () => {
  const model = classifier();
  const { findings } = await leavingNothing(() => diagnose(model, imagesOf(1e20), { batchSize: 8 }));
  expect(findings.map(({ text }) => text)).toEqual([
    'the input of the first layer is from 5.00e+19 to 1.00e+20',
  ]);
  model.dispose();
});

test('diagnose takes a recurrent layer with ReLUs that returns its states', async () => {
  const x = input({ shape: [2, 2, 1] });
  const steps = layers.reshape({ targetShape: [2, 2] }).apply(x);
  const recurrent = layers.simpleRNN({
    units: 3,
    activation: 'relu',
    kernelInitializer: 'zeros',
    recurrentInitializer: 'zeros',
    returnState: true,
    name: 'recurrent',
  });
  const [last] = recurrent.apply(steps) as SymbolicTensor[];
  const outputs = layers.dense({ units: 2 }).apply(last!) as SymbolicTensor;
  const model = modelOf({ inputs: x, outputs });
  const { findings } = await leavingNothing(() => diagnose(model, imagesOf(1), { batchSize: 8 }));
  expect(findings.map(({ fault, layers }) => [fault, layers])).toEqual([['dead-relus', ['recurrent']]]);
  model.dispose();
});

/** Multiplies by a weight that is a whole number. */
class Whole extends layers.Layer {
  static readonly className = 'Whole';
  private count!: LayerVariable;

  override build(): void {
    const one = initializers.constant({ value: 3 });
    this.count = this.addWeight('count', [1], 'int32', one, undefined, false);
    this.built = true;
  }

  override computeOutputShape(shape: Shape): Shape {
    return shape;
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const [x] = [inputs].flat() as [Tensor];
    return tidy(() => mul(x, cast(sum(this.count.read()), 'float32')));
  }
}

test('checkpoints keep weights that are whole numbers', async () => {
  const options = { epochs: 2, batchSize: 4 };
  const trainSet = imagesOf(1);
  const build = () => classifier(new Whole({ inputShape: [2, 2, 1], name: 'whole' } as never));
  const [whole, stopped, resumed] = [build(), build(), build()];
  const numbers = memory().numTensors;
  await train(whole, { trainSet }, options);
  const store = memoryStore();
  const controller = new AbortController();
  const onStep = () => controller.abort();
  const checkpoint = { store, everySeconds: 0 };
  await train(stopped, { trainSet }, { ...options, checkpoint, onStep, signal: controller.signal });
  const { ended } = await train(
    resumed,
    { trainSet },
    { ...options, checkpoint: { ...checkpoint, resume: true } },
  );
  expect(ended).toBe('finished');
  const [kernel, count] = resumed.getWeights();
  expect([count!.dtype, ...(await count!.data())]).toEqual(['int32', 3]);
  expect(await kernel!.data()).toEqual(await whole.getWeights()[0]!.data());
  expect(memory().numTensors).toBe(numbers);
  for (const one of [whole, stopped, resumed]) one.dispose();
});
