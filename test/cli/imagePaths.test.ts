import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('says which folders cannot be read, for a folder and for a glob, and ends with an exit code of 1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (...names: string[]) => join(folder, ...names);
  for (const name of ['open', 'closed']) {
    mkdirSync(at(name));
    writeFileSync(at(name, 'a.ppm'), 'P6 1 1 255\n012');
  }
  chmodSync(folder, 0o755);
  chmodSync(at('closed'), 0);
  // Permissions do not hold for root, so a process that root starts becomes nobody once its modules are loaded.
  const nobody = 65534;
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(at('closed'), nobody, nobody);
  const script = `
    import { imagePaths } from './src/cli/imagePaths.ts';
    if (${isRoot}) process.setgroups([]), process.setgid(${nobody}), process.setuid(${nobody});
    const found = [];
    for (const pattern of ${JSON.stringify([folder, at('closed'), at('*', '*.ppm')])}) {
      const lines = [];
      process.exitCode = undefined;
      const paths = await imagePaths([pattern], (line) => lines.push(line));
      found.push({ paths, lines, code: process.exitCode });
    }
    process.exitCode = 0;
    console.log(JSON.stringify(found));`;
  const options = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const found = JSON.parse(execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' }));
  const line = expect.stringMatching(
    /closed\/? could not be read: permission denied; change its permissions, or leave it out\.$/,
  );
  expect(found).toEqual([
    { paths: [at('open', 'a.ppm')], lines: [line], code: 1 },
    { paths: [], lines: [line], code: 1 },
    { paths: [at('open', 'a.ppm')], lines: [line], code: 1 },
  ]);
});

test('lists more images than a function can have arguments', () => {
  // No folder has to be made of so many: the listing says that it has them.
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const names = Array.from({ length: 200_000 }, (_, i) => i + '.ppm');
    fs.promises.readdir = async () => names;
    fs.promises.realpath = async (path) => path;
    fs.promises.stat = async (path) => ({ isDirectory: () => path === 'many', isFile: () => false });
    syncBuiltinESMExports();
    const { imagePaths } = await import('./src/cli/imagePaths.ts');
    console.log((await imagePaths(['many', 'one.ppm'], console.log)).length);`;
  const options = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const printed = execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' });
  expect(printed).toBe('200001\n');
});
