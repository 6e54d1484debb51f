import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hasCheckpoints } from '../../src/cli/runFiles.js';

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
