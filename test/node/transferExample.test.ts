import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { colorGarments, writeFolder } from '../../examples/transfer/images.js';
import { imageFolder } from '../../src/node/index.js';

test("the example of transfer learning draws a folder in which all but three files are its classes' pictures", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-example-'));
  try {
    const set = colorGarments([5, 9], 10, 7);
    expect([...set.labels].sort()).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    await writeFolder(folder, set, 1);
    const {
      trainSet: train,
      validationSet: validation,
      classNames,
      problems,
    } = await imageFolder(folder, { size: 28 });
    expect(classNames).toEqual(['Ankle boot', 'Sandal']);
    expect([train.length, validation.length]).toEqual([8, 2]);
    expect(problems.map(({ path }) => path)).toEqual([
      'Ankle boot/notes.txt',
      'Sandal/cut-off.png',
      'Sandal/empty.jpg',
    ]);
    // What is drawn comes back, but for what JPEG and other sizes change.
    const { images, labels } = await train.images([0]);
    const drawn = [...set.labels.keys()].filter(
      (i) => set.classNames[set.labels[i]!] === classNames[labels[0]!],
    );
    const size = 3 * 28 * 28;
    const difference = (i: number) =>
      images.reduce((sum, byte, at) => sum + Math.abs(byte - set.images[i * size + at]!), 0) / size;
    expect(Math.min(...drawn.map(difference))).toBeLessThan(12);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
