import { expect, test } from 'vitest';
import { confusion, confusionChart, predictionSheet } from '../../src/train/index.js';

const NAMES = ['cat', 'dog', 'eel', 'fly'];

test('counts the classes that were confused, and each class by itself', () => {
  const found = confusion([0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 2, 2, 1, 1, 2], NAMES);
  expect(found.counts).toEqual([
    [2, 1, 0, 0],
    [0, 1, 1, 0],
    [0, 2, 2, 0],
    [0, 0, 0, 0],
  ]);
  expect(found.accuracy).toBe(5 / 9);
  expect(found.classes).toEqual([
    { name: 'cat', examples: 3, recall: 2 / 3, precision: 1, f1: 4 / 5 },
    { name: 'dog', examples: 2, recall: 1 / 2, precision: 1 / 4, f1: 1 / 3 },
    { name: 'eel', examples: 4, recall: 1 / 2, precision: 2 / 3, f1: 4 / 7 },
    { name: 'fly', examples: 0, recall: null, precision: null, f1: null },
  ]);
  expect(found.mistakes).toEqual([
    { actual: 'eel', predicted: 'dog', examples: 2 },
    { actual: 'cat', predicted: 'dog', examples: 1 },
    { actual: 'dog', predicted: 'eel', examples: 1 },
  ]);
  expect(JSON.parse(JSON.stringify(found))).toEqual(found);
});

test('refuses labels and predictions that do not match', () => {
  expect(() => confusion([0, 1], [0], NAMES)).toThrow(
    'confusion: there are 2 labels and 1 predictions; pass one of each for every example.',
  );
  expect(() => confusion([0, 4], [0, 1], NAMES)).toThrow(
    'confusion: example 1 is of class 4 and was classified as 1, but there are 4 names; pass a name for every class.',
  );
});

test('what has nothing to draw is refused, rather than drawn without a size', async () => {
  expect(() => confusionChart(confusion([], [], []))).toThrow(
    'confusionChart: the confusion has no classes to draw; pass one of at least one class.',
  );
  const set = { images: new Uint8Array(), labels: [], storedShape: [2, 2, 1], classNames: NAMES };
  await expect(predictionSheet(set, [])).rejects.toThrow(
    'predictionSheet: there are no images to draw; pass at least one.',
  );
});

test.each([
  [[0, 9], 'predicted[1] is 9'],
  [[-1, 0], 'predicted[0] is -1'],
  [[0.5, 0], 'predicted[0] is 0.5'],
  [[0, Number.NaN], 'predicted[1] is NaN'],
])('a prediction of no class is not drawn: %j', async (predicted, given) => {
  const images = new Uint8Array(8);
  const set = { images, labels: [0, 1], storedShape: [2, 2, 1], classNames: NAMES };
  const range = 'it must be a whole number from 0 to 3.';
  await expect(predictionSheet(set, predicted)).rejects.toThrow(`predictionSheet: ${given}; ${range}`);
  const labeled = predictionSheet({ ...set, labels: predicted }, [0, 1]);
  await expect(labeled).rejects.toThrow(
    `predictionSheet: set.labels${given.slice('predicted'.length)}; ${range}`,
  );
  const unnamed = { ...set, classNames: [] };
  expect(await predictionSheet(unnamed, [12, 1])).toContain('>12<');
});
