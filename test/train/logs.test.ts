import { expect, test } from 'vitest';
import { curves, type EpochRow, encodeEvent, historyCsv } from '../../src/train/index.js';
import { fixture } from '../support/fixtures.js';

const row = (epoch: number, more: Partial<EpochRow> = {}): EpochRow => ({
  ...{ epoch, examples: 100, loss: 1 / epoch, trainAccuracy: 0.5, testLoss: 0.7, testAccuracy: 0.6 },
  ...{ validationLoss: null, validationAccuracy: null, learningRate: 0.1, examplesPerSecond: 9, seconds: 2 },
  ...more,
});

test("an event file has the bytes of TensorBoard's own", async () => {
  const events = [
    { wallTime: 1.5, fileVersion: 'brain.Event:2' },
    { wallTime: 1764124800.25, step: 300, scalars: { 'loss/train': 0.1, größe: Number.NEGATIVE_INFINITY } },
    { wallTime: 2, step: 2 ** 40 + 5, scalars: { ['t'.repeat(200)]: 1 } },
  ];
  expect(events.flatMap((event) => [...encodeEvent(event)])).toEqual([...(await fixture('events.tfevents'))]);
});

test('a history as CSV has a line for each epoch, empty where nothing was measured', () => {
  expect(historyCsv({ epochs: [row(1), row(2, { testAccuracy: null, testLoss: null })] })).toBe(
    `epoch,examples,loss,trainAccuracy,testLoss,testAccuracy,validationLoss,validationAccuracy,learningRate,examplesPerSecond,seconds
1,100,1,0.5,0.7,0.6,,,0.1,9,2
2,100,0.5,0.5,,,,,0.1,9,2
`,
  );
});

test('a history as CSV has numbers alone, although its first epoch has a diagnosis', () => {
  const diagnosis = { loss: 2.3, chance: 2.3, findings: [], advice: 'train on' };
  expect(historyCsv({ epochs: [row(1, { diagnosis }), row(2)] })).toBe(
    historyCsv({ epochs: [row(1), row(2)] }),
  );
});

test('curves show a learning rate that changes, and no other', () => {
  const rates = (...all: (number | null)[]) =>
    curves({ epochs: all.map((learningRate, i) => row(i + 1, { learningRate })) });
  for (const same of [rates(0.1, 0.1), rates(null, null)]) {
    expect(same).not.toContain('learning rate');
    expect(same).toContain('height="360"');
  }
  const changing = rates(0.1, 0.05, 0.0123);
  expect(changing).toContain('height="440"');
  expect(changing).toMatch(/>0<[\s\S]+>0\.1<[\s\S]+>learning rate<[\s\S]+>0\.012</);
  // One that falls in steps by its logarithm: each of the same height, down to the last.
  const steps = rates(0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4);
  expect(steps).toMatch(/>1e-4<[\s\S]+>0\.1<[\s\S]+>learning rate<[\s\S]+>1e-4</);
  const heights = [...steps.slice(steps.indexOf('>1e-4<')).matchAll(/cy="([\d.]+)"/g)].map(([, y]) =>
    Number(y),
  );
  const [first, , second, , third, , fourth] = heights as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  expect(second - first).toBeCloseTo(third - second, 1);
  expect(second - first).toBeCloseTo(fourth - third, 1);
  expect(fourth).toBe(426);
});

test('many epochs are numbered in tens', () => {
  const svg = curves({ epochs: Array.from({ length: 74 }, (_, i) => row(i + 1)) });
  const numbers = [...svg.matchAll(/text-anchor="middle">(\d+)</g)].map(([, epoch]) => Number(epoch));
  expect(numbers).toEqual([10, 20, 30, 40, 50, 60, 70]);
});
