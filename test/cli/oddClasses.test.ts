import { expect, test } from 'vitest';
import { oddClasses } from '../../src/cli/oddClasses.js';
import { ImageSet } from '../../src/data/index.js';

const setOf = (labels: readonly number[], classes: number) =>
  new ImageSet({
    images: new Uint8Array(labels.length),
    labels: Uint8Array.from(labels),
    shape: [1, 1, 1],
    classNames: Array.from({ length: classes }, (_, i) => String(i)),
  });
const even = Array.from({ length: 500 }, (_, i) => i % 3);

test.each([
  ['a healthy set', even, even, 3, []],
  [
    'a label that makes classes',
    [...even, 5],
    [0, 4, 4],
    6,
    [
      '2 of 6 classes have no training images (3, 4), but 2 test images; check the labels.',
      'class 5 has 1 training image, where half of the classes have 167 or more; check the labels.',
    ],
  ],
  [
    'a label that makes one class',
    [...even, 3],
    even,
    4,
    ['class 3 has 1 training image, where half of the classes have 167 or more; check the labels.'],
  ],
  [
    'names without images',
    even,
    even,
    10,
    ['7 of 10 classes have no training images (3, 4, 5, 6, 7, ...); check the labels.'],
  ],
])('of %s', (_, train, tested, classes, notes) => {
  expect(oddClasses({ trainSet: setOf(train, classes), testSet: setOf(tested, classes) })).toEqual(notes);
});
