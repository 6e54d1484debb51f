import { expect, test } from 'vitest';
import { divergence, epochLine, epochLineOfFile, verdict } from '../../src/cli/runs.js';
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
    `The loss is ${is} that of guessing. The rate is too high; try 0.1.`,
  ]);
});

test('a network of a file gets the advice that does not build another one', () => {
  const advice = 'train for more epochs, or build the network with batchNorm: true';
  const row: EpochRow = {
    ...rowOf(2.31),
    diagnosis: {
      ...{ loss: 2.31, chance: Math.log(10), advice, adviceToKeep: 'train for more epochs' },
      findings: [],
    },
  };
  expect(epochLine(row, 4)).toMatch(new RegExp(`; ${advice}\\.$`));
  expect(epochLineOfFile(row, 4)).toMatch(/; train for more epochs\.$/);
  const findings = [
    { fault: 'weights' as const, layers: [], text: 'NaN', advice: 'build it', adviceToKeep: 'begin again' },
    { fault: 'input' as const, layers: [], text: 'dark', advice: 'scale the pixels' },
  ];
  const found = { ...row, diagnosis: { ...row.diagnosis!, findings } };
  expect(epochLineOfFile(found, 4)).toMatch(/ NaN; begin again\. Dark; scale the pixels\.$/);
});

test.each([
  [true, 'done, but the loss is still that of guessing, test accuracy 10.0 %'],
  [false, 'done, test accuracy 10.0 %'],
])('a run that ends at guessing (%s) says so: %s', (isGuessing, expected) => {
  const diagnosis = { loss: 2.31, chance: Math.log(10), findings: [], advice: 'train for more epochs' };
  const epochs = [{ ...rowOf(2.31), diagnosis, testAccuracy: 0.1 }];
  const history = { ended: 'finished' as const, epochs, ...(isGuessing && { diagnosis }) };
  expect(verdict(history, 'runs/latest')).toBe(expected);
});
