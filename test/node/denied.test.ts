import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { IMAGES } from './encodedImages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('folders that may not be listed or entered are refused as such, not as empty ones', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (...names: string[]) => join(folder, ...names);
  const png = Buffer.from(IMAGES.png, 'base64');
  for (const name of [
    'images/a',
    'images/b',
    'split/train/a',
    'split/train/b',
    'split/val/a',
    'split/val/b',
  ]) {
    mkdirSync(at(name), { recursive: true });
    for (const file of ['1.png', '2.png']) writeFileSync(at(name, file), png);
  }
  mkdirSync(at('unlisted'));
  writeFileSync(at('unlisted', 'x_train.csv'), '');
  chmodSync(folder, 0o755);
  // Permissions do not hold for root, so a process that root starts becomes nobody once its modules are loaded.
  const nobody = 65534;
  const isRoot = process.getuid?.() === 0;
  const closed = ['unlisted', 'images/b', 'split/val/b', 'entered'];
  mkdirSync(at('entered', 'a'), { recursive: true });
  const modes: Record<string, number> = { unlisted: 0o300, entered: 0o400 };
  for (const name of closed) {
    if (isRoot) chownSync(at(name), nobody, nobody);
    chmodSync(at(name), modes[name] ?? 0);
  }
  onTestFinished(() => {
    for (const name of closed) chmodSync(at(name), 0o700);
  });
  const script = `
    import { idxImages } from './src/data/index.ts';
    import { imageFolder } from './src/node/index.ts';
    import { fileIn } from './src/weights/formats/folder.ts';
    if (${isRoot}) process.setgroups([]), process.setgid(${nobody}), process.setuid(${nobody});
    const at = (name) => ${JSON.stringify(`${folder}/`)} + name;
    const said = (work) => work.then((result) => result.problems, (error) => error.message);
    console.log(JSON.stringify([
      await said(imageFolder(at('images'))),
      await said(imageFolder(at('split'))),
      await said(imageFolder(at('entered'))),
      await said(idxImages({ source: at('unlisted') })),
      await said(fileIn(at('unlisted'))),
    ]));`;
  const options = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const said = JSON.parse(execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' }));
  const remedy = 'choose another folder or change its permissions.';
  const denied = (name: string) => `${at(name)} could not be read: permission denied; ${remedy}`;
  expect(said).toEqual([
    `imageFolder: the class 'b': it has no images: ${denied('images/b')}`,
    [{ path: 'val/b/', reason: denied('split/val/b') }],
    denied('entered/a'),
    `${at('unlisted')}: permission denied; use a file that can be read.`,
    `${at('unlisted')}: permission denied; make it readable, or use another path.`,
  ]);
});
