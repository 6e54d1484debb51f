import '@tensorflow/tfjs-backend-cpu';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { memory, setBackend } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { smallArch } from '../../src/index.js';
import { imageFolder } from '../../src/node/index.js';
import { train } from '../../src/train/index.js';
import { IMAGES } from './encodedImages.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-folder-'));
beforeAll(() => setBackend('cpu'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (name: keyof typeof IMAGES) => Buffer.from(IMAGES[name], 'base64');
let count = 0;

/** A folder with the given files. */
function folderOf(files: Record<string, Uint8Array | string>): string {
  const root = join(folder, String(count++));
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

const SOUND = {
  'red/1.png': bytes('png'),
  'red/2.jpg': bytes('jpeg'),
  'red/deeper/3.webp': bytes('webp'),
  'red/deeper/still/4': bytes('rgba'),
  'grey/1.png': bytes('grey'),
  'grey/2.png': bytes('grey16'),
  'grey/3.png': bytes('palette'),
};

describe('imageFolder', () => {
  test('takes one subfolder per class, with nested files, sorted by name', async () => {
    const {
      trainSet: train,
      validationSet: validation,
      classNames,
      problems,
    } = await imageFolder(folderOf(SOUND), { size: 8 });
    expect(classNames).toEqual(['grey', 'red']);
    expect(problems).toEqual([]);
    expect([...train.paths, ...validation.paths].sort()).toEqual(Object.keys(SOUND).sort());
    expect(validation.length).toBe(2);
    expect(train.shape).toEqual([8, 8, 3]);
  });

  test('reports files that are not intact images and leaves them out', async () => {
    const root = folderOf({
      ...SOUND,
      'red/animated.gif': bytes('animated'),
      'red/empty.png': '',
      'red/notes.txt': 'hello',
      'red/torn.png': bytes('png').subarray(0, 60),
      'grey/.DS_Store': 'x',
      'grey/Thumbs.db': 'x',
      '.git/config': 'x',
      'readme.md': 'x',
    });
    symlinkSync(join(root, 'nowhere.png'), join(root, 'grey', 'broken-link.png'));
    const reported: string[] = [];
    const {
      trainSet: train,
      validationSet: validation,
      problems,
    } = await imageFolder(root, {
      size: 8,
      maxPixels: 96,
      onProblem: ({ reason }) => reported.push(reason),
    });
    // The first frame of the animation is one of them.
    expect(train.length + validation.length).toBe(8);
    const at = (path: string) => join(root, path);
    expect(problems.map(({ path }) => path)).toEqual([
      'grey/broken-link.png',
      'readme.md',
      'red/empty.png',
      'red/notes.txt',
      'red/torn.png',
    ]);
    expect(reported).toHaveLength(5);
    expect(problems[0]!.reason).toContain(
      `${at('grey/broken-link.png')} could not be read: there is no such file; check the path.`,
    );
    expect(problems[2]!.reason).toBe(
      `${at('red/empty.png')} could not be read: it is empty (0 bytes); get the file again.`,
    );
    expect(problems[3]!.reason).toContain('it is not an image, judging by its first bytes');
    expect(problems[4]!.reason).toContain('it is PNG, but damaged');
  });

  test('leaves out images of more than maxPixels', async () => {
    const root = folderOf(SOUND);
    await expect(imageFolder(root, { maxPixels: 95 })).rejects.toThrow(
      /the class 'grey': it has no images: none of its 3 files could be read; the first: \S*1\.png could not be read: .*more than the limit of 95 pixels/,
    );
  });

  test('an empty class folder is an error', async () => {
    const root = folderOf(SOUND);
    mkdirSync(join(root, 'blue'));
    await expect(imageFolder(root)).rejects.toThrow(
      "the class 'blue': it has no images: its folder has no files; add some or remove it.",
    );
  });

  test('follows links to folders, but leaves out those to a folder that they are in', async () => {
    const root = folderOf(SOUND);
    const linked = folderOf({ 'red/1.png': bytes('png') });
    symlinkSync(join(root, 'grey'), join(linked, 'grey'));
    symlinkSync(linked, join(linked, 'red', 'round'));
    const { trainSet: train, problems } = await imageFolder(linked, { validationFraction: 0 });
    expect(problems).toEqual([
      {
        path: 'red/round/',
        reason: `${join(linked, 'red', 'round')} could not be read: it leads to a folder that it is in, whose images are read already; leave it out.`,
      },
    ]);
    expect(train.paths).toEqual(['grey/1.png', 'grey/2.png', 'grey/3.png', 'red/1.png']);
  });

  test('folders that cannot be read are named, as folders, and a part of a set that cannot be read is refused', async () => {
    const root = folderOf({ ...SOUND, 'blue/1.png': bytes('png') });
    const loop = (...path: string[]) => {
      symlinkSync(join(root, ...path), join(root, ...path));
      return `${join(root, ...path)} could not be read: its symbolic links form a circle; choose another path.`;
    };
    const problems = [
      { path: 'loop', reason: loop('loop') },
      { path: 'red/loop', reason: loop('red', 'loop') },
    ];
    expect((await imageFolder(root)).problems).toEqual(problems);
    // Of its only file, the reason is the sentence's end.
    rmSync(join(root, 'blue', '1.png'));
    const inBlue = loop('blue', 'loop');
    await expect(imageFolder(root)).rejects.toThrow(
      `imageFolder: the class 'blue': it has no images: ${inBlue}`,
    );
    const split = folderOf({ 'train/red/1.png': bytes('png') });
    symlinkSync(join(split, 'val'), join(split, 'val'));
    await expect(imageFolder(split)).rejects.toThrow(
      `${join(split, 'val')} could not be read: its symbolic links form a circle; choose another path.`,
    );
  });

  test('a missing folder, a file, or a folder without subfolders is an error', async () => {
    await expect(imageFolder(join(folder, 'nowhere'))).rejects.toThrow(
      /nowhere could not be read: there is no such file; check the path\.$/,
    );
    const root = folderOf({ 'a.png': bytes('png') });
    await expect(imageFolder(join(root, 'a.png'))).rejects.toThrow(
      /could not be read: there is a file where a folder is expected/,
    );
    await expect(imageFolder(root)).rejects.toThrow(
      /has no subfolders; pass a folder with one subfolder of images per class/,
    );
  });

  test('can be trained on directly, and leaves no tensor behind', async () => {
    const root = folderOf(SOUND);
    const data = await imageFolder(root, { size: 32, maxBytes: 0, augment: { flip: 0.5 } });
    const before = memory().numTensors;
    const model = smallArch(32, { inputShape: [32, 32, 3], classes: 2, hiddenUnits: 4 });
    const history = await train(
      model,
      { trainSet: data.trainSet, testSet: data.validationSet },
      { epochs: 2, batchSize: 3, optimizer: 'adam' },
    );
    expect(history.epochs.map(({ examples }) => examples)).toEqual([5, 5]);
    expect(history.epochs[1]!.testAccuracy).not.toBeNull();
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });
});
