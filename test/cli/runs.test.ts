import { expect, test } from 'vitest';
import { divergence, epochLine, epochLineOfFile } from '../../src/cli/runs.js';
import type { EpochRow } from '../../src/train/index.js';

/** An epoch with a loss. */
const rowOf = (loss: number): EpochRow => ({
  ...{ epoch: 2, examples: 8, loss, trainAccuracy: 0.1, testLoss: null, testAccuracy: null },
  ...{ validationLoss: null, validationAccuracy: null, learningRate: 1, examplesPerSecond: 8, seconds: 1 },
});

test('a run that diverged says whether its loss is finite', () => {
  const notFinite = 'the loss or the weights are no longer finite numbers';
  expect(divergence({ epochs: [rowOf(1), rowOf(Number.NaN)] }, 10)).toBe(notFinite);
  expect(divergence({ epochs: [rowOf(1)] }, 10)).toBe(notFinite);
  expect(divergence({ epochs: [rowOf(1), rowOf(8559954.4)] }, 10)).toBe(
    'the loss of the last epoch is 8.56e+6, and that of guessing 2.30',
  );
});

test.each([
  [2.31, 'still'],
  [48, 'above'],
])('an epoch with a loss of %d says that it is %s that of guessing, and why', (loss, is) => {
  const findings = [
    { fault: 'rate-too-high' as const, layers: [], text: 'the rate is too high', advice: 'try 0.1' },
  ];
  const row: EpochRow = {
    ...rowOf(loss),
    diagnosis: { loss, chance: Math.log(10), findings, advice: 'train for more epochs' },
  };
  expect(epochLine(row, 4).split('\n')).toEqual([
    expect.stringContaining(`epoch 2/4: loss ${loss.toFixed(3)}`),
    `The loss is ${is} that of guessing. the rate is too high; try 0.1.`,
  ]);
});

test.each([
  ['train for more epochs, or build the network with batchNorm: true', 'train for more epochs'],
  [
    "build the network with initializer: 'heUniform' or batchNorm: true, or pass clipNorm: 1",
    'pass clipNorm: 1',
  ],
  [
    'build the network with batchNorm: true, or start from a trained VGG-11 with growFrom',
    'begin with other weights',
  ],
  [
    'they do not come back: build the network again, with a smaller learning rate; build the network with batchNorm: true',
    'they do not come back: begin again with its file, with a smaller learning rate',
  ],
])('of the advice "%s", a network of a file gets "%s"', (advice, left) => {
  const diagnosis = { loss: 2.3, chance: Math.log(10), findings: [], advice };
  expect(epochLineOfFile({ ...rowOf(2.31), diagnosis }, 4)).toMatch(new RegExp(`; ${left}\\.$`));
});
