import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkPlaces, hasCheckpoints } from '../../src/cli/runFiles.js';

test('a folder of checkpoints that cannot be read is not taken for an empty one, which a new run would remove', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  expect(await hasCheckpoints(join(folder, 'absent'))).toBe(false);
  expect(await hasCheckpoints(folder)).toBe(false);
  await writeFile(join(folder, 'epoch-01-batch-0.safetensors'), '');
  expect(await hasCheckpoints(folder)).toBe(true);
  // A link to itself is refused to anyone, the administrator included.
  const unreadable = join(folder, 'loop');
  await symlink(unreadable, unreadable);
  await expect(hasCheckpoints(unreadable)).rejects.toThrow(
    `the checkpoints in ${unreadable} could not be read: its symbolic links form a circle; change its permissions, or begin another run with another --out.`,
  );
});

test('a folder with the name of any file of a run, or a file with that of a folder, is refused before it is removed or in the way', async () => {
  const out = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rm(out, { recursive: true, force: true }));
  const check = () => checkPlaces('train', out, ['.', 'unfrozen']);
  const files = [
    ...['model.safetensors', 'classes.txt', 'result.json', 'history.json', 'history.csv', 'curves.svg'],
    ...['predictions.svg', 'steps.jsonl', 'evaluation.json', 'confusion.svg', 'events.out.tfevents.1.a'],
    ...['model/model.json', 'model/weights-0badcafe-1of1.bin'],
    ...['checkpoints/epoch-99999-batch-0000000.safetensors', 'checkpoints/unfrozen/x.safetensors'],
  ];
  for (const name of files) {
    const path = join(out, name);
    await mkdir(path, { recursive: true });
    expect(check, name).toThrow(`train: ${path} is a folder, where the run has a file; move it away.`);
    await rm(path, { recursive: true });
    await writeFile(path, '');
    expect(check, name).not.toThrow();
  }
  for (const name of ['model', 'checkpoints/unfrozen', 'checkpoints']) {
    const path = join(out, name);
    await rm(path, { recursive: true });
    await writeFile(path, '');
    expect(check, name).toThrow(`train: ${path} is a file, where the run writes a folder; move it away.`);
    await rm(path);
  }
});
