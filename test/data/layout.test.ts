import { describe, expect, test } from 'vitest';
import { areParts, isIgnored } from '../../src/base/setLayout.js';
import { type ImageFilesOptions, imageFiles } from '../../src/data/index.js';

const gray = { data: new Uint8Array(3 * 16).fill(90), width: 4, height: 4 };
const opened = (paths: string[], options: ImageFilesOptions = {}) =>
  imageFiles(
    paths.map((path) => ({ path, read: async () => gray })),
    { size: 4, ...options },
  );

/** Paths of a part, six images in each class. */
const part = (name: string, classes = ['cats', 'dogs']) =>
  classes.flatMap((one) => Array.from({ length: 6 }, (_, i) => `${name}/${one}/${i}.png`));

describe('a data set that is already split', () => {
  test.each(['val', 'valid', 'validation', 'Val'])('keeps its split: train and %s', async (name) => {
    const { trainSet, validationSet, testSet, classNames, problems } = await opened([
      ...part('train'),
      ...part(name, ['dogs']),
    ]);
    expect(classNames).toEqual(['cats', 'dogs']);
    expect(trainSet.paths).toEqual(part('train'));
    expect(validationSet.paths).toEqual(part(name, ['dogs']));
    expect([...validationSet.labels]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([testSet, problems]).toEqual([undefined, []]);
  });

  test('validates on a part of train if there is only a test folder, which is a set of its own', async () => {
    const { trainSet, validationSet, testSet } = await opened([...part('train'), ...part('test')]);
    expect([trainSet.length, validationSet.length]).toEqual([10, 2]);
    expect([...trainSet.paths, ...validationSet.paths].sort()).toEqual(part('train'));
    expect(testSet!.paths).toEqual(part('test'));
  });

  test('reports files of classes that are not learned, and those beside the parts', async () => {
    const { problems, validationSet } = await opened([
      ...part('train'),
      ...part('val'),
      'val/eels/1.png',
      'val/2.png',
      'extra/cats/3.png',
      'labels.csv',
    ]);
    expect(validationSet.length).toBe(12);
    expect(problems.map(({ reason }) => reason)).toEqual([
      'extra/cats/3.png is in the folder of an unknown class.',
      'labels.csv is outside the folders of the classes.',
      'val/2.png is outside the folders of the classes.',
      'val/eels/1.png is in the folder of an unknown class.',
    ]);
  });

  test('refuses a fraction beside a validation folder, parts without classes, and parts without train', async () => {
    await expect(opened([...part('train'), ...part('val')], { validationFraction: 0.1 })).rejects.toThrow(
      'imageFiles: validationFraction is 0.1, but the images have a validation folder of their own',
    );
    await expect(opened(['train/cat.0.jpg', 'train/dog.0.jpg', 'test1/1.jpg'])).rejects.toThrow(
      'imageFiles: the folder train: its images are not in a folder for each class; move them, for instance to train/cats and train/dogs, since names of files and tables (CSV) are not read as classes.',
    );
    await expect(opened([...part('val'), ...part('test')])).rejects.toThrow(
      'imageFiles: the folders test, val: there is no train folder beside them; use the folder that has it, or one of these alone.',
    );
  });
});

test('a class may be called train', async () => {
  const { classNames } = await opened(['bus', 'train', 'tram'].flatMap((name) => `${name}/1.png`));
  expect(classNames).toEqual(['bus', 'train', 'tram']);
  expect(
    (await opened(part('train', ['a']).concat('test/1.png'), { classNames: ['test', 'train'] })).classNames,
  ).toEqual(['test', 'train']);
  expect([areParts([]), areParts(['test']), areParts(['test', 'bus'])]).toEqual([false, true, false]);
});

test('what macOS and file managers leave behind is not looked at', async () => {
  const left = ['cats/._1.png', '._cats/1.png', '__MACOSX/cats/1.png', 'cats/.DS_Store', 'cats/Thumbs.db'];
  const { problems, classNames } = await opened(
    ['./cats/1.png', './cats/2.png', ...left].map((p) => p.replace('./', '')),
  );
  expect([problems, classNames]).toEqual([[], ['cats']]);
  expect(['.', '..', 'a.png', '_x'].some(isIgnored)).toBe(false);
});
