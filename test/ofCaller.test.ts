import { engine, memory } from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { evaluate, train } from '../src/train/index.js';
import { build, CALLS, type Model, set, TAKERS } from './support/waitingCalls.js';

/** What TensorFlow.js and engines say, which the library explains where it comes from its own work. */
const ERRORS = [
  new Error("Kernel 'Complex' not registered for backend 'wasm'"),
  new Error('Cannot compute gradient: gradient function not found for Complex.'),
  new Error('Input 0 is incompatible with layer block1_conv1: expected ndim=4, found ndim=2.'),
  new Error('Tensor is disposed.'),
  new TypeError("Cannot read properties of undefined (reading 'backend')"),
  new RangeError('Maximum call stack size exceeded'),
  new RangeError('Array buffer allocation failed'),
  new RangeError('evaluate: out of memory'),
];

const thrower = (error: Error) => () => {
  throw error;
};

/** What the caller's code does that throws. */
const THROWING: Record<string, (model: Model, error: Error) => Promise<unknown>> = {
  ...Object.fromEntries(
    Object.entries(TAKERS).flatMap(([name, take]) => {
      const examples = (batches: () => never) => ({ length: 40, shape: [4, 4, 3], batches });
      return [
        [`${name}, batches`, (model: Model, error: Error) => take(examples(thrower(error)), model)],
        // One batch is enough.
        name !== 'diagnose' && [
          `${name}, a later batch`,
          (model: Model, error: Error) => {
            function* batches() {
              for (const batch of set.batches({ batchSize: 20 })) {
                yield batch;
                throw error;
              }
            }
            return take(examples(batches as never), model);
          },
        ],
      ].filter((one) => one !== false);
    }),
  ),
  ...Object.fromEntries(
    Object.entries(CALLS)
      .filter(([, call]) => /onProgress|onStep/.test(String(call)))
      .map(([name, call]) => [
        `${name}, a callback`,
        (model: Model, error: Error) => call(model, thrower(error)),
      ]),
  ),
  'train, onEpoch': (model, error) =>
    train(model, { trainSet: set }, { epochs: 1, batchSize: 20, onEpoch: thrower(error) }),
  'train, a callback that disposes the model': (model, error) =>
    train(
      model,
      { trainSet: set },
      {
        ...{ epochs: 1, batchSize: 20 },
        onEpoch() {
          model.dispose();
          throw error;
        },
      },
    ),
  'evaluate, a callback that disposes the model': (model, error) =>
    evaluate(model, set, {
      onProgress() {
        model.dispose();
        throw error;
      },
    }),
};

test.each(Object.entries(THROWING))('%s: an error of the caller comes back as it is', async (_, call) => {
  for (const error of ERRORS) {
    const before = memory().numTensors;
    const model = build();
    const thrown = await (async () => call(model, error))().then(
      () => 'nothing',
      (one: unknown) => one,
    );
    expect(thrown).toBe(error);
    if (
      model.weights.some((weight) => !(weight as unknown as { val: { isDisposed: boolean } }).val.isDisposed)
    )
      model.dispose();
    expect(memory().numTensors).toBe(before);
  }
});

test('what a set of the library has no memory for is explained', async () => {
  const model = build();
  const make = engine().makeTensor.bind(engine());
  const spy = vi.spyOn(engine(), 'makeTensor').mockImplementation((values, shape, ...rest) => {
    if (shape.join() === '8,4,4,3') throw new RangeError('Array buffer allocation failed');
    return make(values, shape, ...rest);
  });
  const running = train(model, { trainSet: set }, { epochs: 1, batchSize: 8, microBatchSize: 8 });
  await expect(running).rejects.toThrow(/^train: a step of 8 examples ran out of memory on the wasm backend/);
  spy.mockRestore();
  model.dispose();
});
