import '@tensorflow/tfjs-backend-wasm';
import { setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Choice, DEFAULTS } from '../../site/src/state/choice.js';
import type { Run as KeptRun, SetChoice } from '../../site/src/state/runs.js';
import { requestOf, stretchOf, wayOf } from '../../site/src/state/way.js';
import { Run, type TrainRequest } from '../../site/src/worker/training.js';
import { garments } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';

beforeAll(async () => {
  await setBackend('wasm');
  await installWasmKernels();
});

const set: SetChoice = { kind: 'garments', images: 48 };
const choice: Choice = {
  ...DEFAULTS,
  epochs: 5,
  batchSize: 12,
  optimizer: 'adam',
  rate: 0.006,
  cosine: true,
  seed: 3,
};

/** A run whose last stretch began with `chosen`. */
function runOf(chosen: Choice, ended: KeptRun['ended'], store?: string): KeptRun {
  const request = requestOf(chosen);
  return {
    ...{ id: 'a', at: 0, title: '', choice: chosen, set, layers: [], ended },
    stretch: { before: 0, request, chosen: request, store },
  };
}

describe('“Continue”', () => {
  test('after a finished cosine trains at a tenth of its peak, constantly, and not at its peak again', async () => {
    const data = garments({ trainImages: 48, testImages: 12 });
    const model = vgg(
      [
        [1, 8],
        [1, 16],
      ],
      { inputShape: [16, 16, 1], hiddenUnits: 32, batchNorm: true, seed: 3 },
    );
    const train = (request: TrainRequest) =>
      new Run(model, { progress() {}, epoch() {}, snapshot() {} }).go(data, request, { resume: false });
    const ratesOf = ({ epochs }: Awaited<ReturnType<typeof train>>) =>
      epochs.map(({ learningRate }) => learningRate!);

    const first = await train(requestOf(choice));
    const falling = ratesOf(first);
    expect(falling).toEqual([...falling].sort((a, b) => b - a));
    expect(falling.at(-1)).toBeLessThan(choice.rate / 100);

    const way = wayOf(runOf(choice, first.ended), choice, set);
    expect(way).toEqual({ kind: 'later', request: { ...requestOf(choice), rate: 0.0006, cosine: false } });
    if (way.kind !== 'later') throw new Error('It is another way.');
    const second = await train(stretchOf(way.request, choice.epochs));
    expect(ratesOf(second)).toEqual(Array(5).fill(0.0006));
  });

  test.each<[string, Partial<Choice>, KeptRun['ended'], string | undefined, ReturnType<typeof wayOf>]>([
    ['resumes what was stopped', {}, 'aborted', 'kept', { kind: 'resume', to: 5 }],
    ['resumes what was interrupted', {}, undefined, 'kept', { kind: 'resume', to: 5 }],
    [
      'trains at a tenth after a stop of which nothing is kept',
      {},
      'aborted',
      undefined,
      { kind: 'later', request: { ...requestOf(choice), rate: 0.0006, cosine: false } },
    ],
    [
      'trains at the rate chosen after a constant one',
      { cosine: false },
      'finished',
      undefined,
      { kind: 'chosen', request: { ...requestOf(choice), cosine: false } },
    ],
    [
      'trains at a tenth after it diverged',
      { cosine: false },
      'diverged',
      undefined,
      { kind: 'later', request: { ...requestOf(choice), rate: 0.0006, cosine: false } },
    ],
  ])('%s', (_, part, ended, store, way) => {
    const chosen = { ...choice, ...part };
    expect(wayOf(runOf(chosen, ended, store), chosen, set)).toEqual(way);
  });

  test('a second time has the same rate, not a tenth of a tenth; after a change of settings it is as chosen', () => {
    const later = wayOf(runOf(choice, 'finished'), choice, set);
    if (later.kind !== 'later') throw new Error('It is another way.');
    const again = runOf(choice, 'finished');
    again.stretch = { before: 5, request: later.request, chosen: requestOf(choice) };
    expect(wayOf(again, choice, set)).toEqual(later);
    const longer = { ...choice, epochs: 9 };
    expect(wayOf(again, longer, set)).toEqual({ kind: 'chosen', request: requestOf(longer) });
    // So are other images; without any, it trains on those that it had.
    expect(wayOf(again, choice, { kind: 'garments', images: 99 }).kind).toBe('chosen');
    expect(wayOf(again, choice, undefined)).toEqual(later);
  });
});
