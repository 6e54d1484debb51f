import { expect, test } from 'vitest';
import { epochLine } from '../../src/cli/runs.js';
import type { EpochRow } from '../../src/train/index.js';

test.each([
  [2.31, 'still'],
  [48, 'above'],
])('an epoch with a loss of %d says that it is %s that of guessing, and why', (loss, is) => {
  const findings = [
    { fault: 'rate-too-high' as const, layers: [], text: 'the rate is too high', advice: 'try 0.1' },
  ];
  const row: EpochRow = {
    ...{ epoch: 2, examples: 8, loss, trainAccuracy: 0.1, testLoss: null, testAccuracy: null },
    ...{ validationLoss: null, validationAccuracy: null, learningRate: 1, examplesPerSecond: 8, seconds: 1 },
    diagnosis: { loss, chance: Math.log(10), findings, advice: 'train for more epochs' },
  };
  expect(epochLine(row, 4).split('\n')).toEqual([
    expect.stringContaining(`epoch 2/4: loss ${loss.toFixed(3)}`),
    `The loss is ${is} that of guessing. the rate is too high; try 0.1.`,
  ]);
});
