import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  fileSystem,
  lockFolder,
  npyWriter,
  openLog,
  temporaryFile,
  writeFileAtomic,
} from '../../src/node/index.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const messageOf = (error: Error) => error.message;

describe('like cp, writing', () => {
  /** Reads the pipe. It may have closed by the time that the writer's call returns, so its end is awaited from its beginning. */
  const startReader = () => {
    const reader = spawn('cat', [at('pipe')]);
    return { reader, closed: once(reader, 'close') };
  };

  test('follows links to files, and to files that do not exist yet', async () => {
    mkdirSync(at('real'));
    writeFileSync(at('real/file'), 'old');
    symlinkSync('real/file', at('link'));
    symlinkSync('link', at('link to a link'));
    symlinkSync('real/new', at('dangling'));
    await writeFileAtomic(at('link to a link'), 'new');
    await writeFileAtomic(at('dangling'), 'made');
    expect(readFileSync(at('real/file'), 'utf8')).toBe('new');
    expect(readFileSync(at('real/new'), 'utf8')).toBe('made');
    expect(
      ['link', 'link to a link', 'dangling'].map((name) => lstatSync(at(name)).isSymbolicLink()),
    ).toEqual([true, true, true]);
    expect(readdirSync(at('real'))).toEqual(['file', 'new']);
    symlinkSync('circle', at('circle'));
    expect(await writeFileAtomic(at('circle'), '').catch(messageOf)).toMatch(
      /circle could not be written: its symbolic links form a circle; choose another path/,
    );
  });

  test('keeps the mode of the file that is replaced, and gives a new one the usual mode', async () => {
    for (const mode of [0o600, 0o664, 0o755]) {
      writeFileSync(at('file'), 'old');
      chmodSync(at('file'), mode);
      await writeFileAtomic(at('file'), 'new');
      expect([readFileSync(at('file'), 'utf8'), statSync(at('file')).mode & 0o7777]).toEqual(['new', mode]);
    }
    writeFileSync(at('usual'), '');
    await writeFileAtomic(at('fresh'), '');
    expect(statSync(at('fresh')).mode).toBe(statSync(at('usual')).mode);
  });

  test('writes to a device, and to a pipe whose reader waits', async () => {
    await writeFileAtomic('/dev/null', 'gone');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    execFileSync('mkfifo', [at('pipe')]);
    const { reader, closed } = startReader();
    let text = '';
    reader.stdout.on('data', (chunk) => {
      text += chunk;
    });
    await writeFileAtomic(
      at('pipe'),
      ['through ', 'a pipe'].map((part) => new TextEncoder().encode(part)),
    );
    await closed;
    expect(text).toBe('through a pipe');
    expect(readdirSync(folder)).toEqual(['pipe']);
  });

  test('refuses an array to a pipe before its rows are computed', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const { closed } = startReader();
    expect(await npyWriter(at('pipe'), [3]).catch(messageOf)).toBe(
      `${at('pipe')} could not be written: it is a pipe, and its beginning is written last; use a file.`,
    );
    await closed;
  });

  test('waits for no reader or writer of a pipe in the place of a log, a lock or a model', async () => {
    for (const name of ['log', 'lock', 'model.json']) execFileSync('mkfifo', [at(name)]);
    expect(await openLog(at('log')).catch(messageOf)).toBe(
      `${at('log')} could not be written: it is a pipe, and its beginning is written last; use a file.`,
    );
    expect(await lockFolder(folder).catch(messageOf)).toBe(
      `${folder} could not be written: ${at('lock')} is a pipe or a device; move it away.`,
    );
    expect(await fileSystem(folder).load!().catch(messageOf)).toBe(
      `${at('model.json')} could not be read: it is a pipe or a device; use a file.`,
    );
  });

  test('leaves a write-protected file alone', () => {
    writeFileSync(at('file'), 'old', { mode: 0o444 });
    // Permissions do not hold for root, so a process that root starts becomes nobody once its modules are loaded.
    const nobody = 65534;
    const isRoot = process.getuid?.() === 0;
    if (isRoot) for (const path of [folder, at('file')]) chownSync(path, nobody, nobody);
    const script = `
      import { writeFileAtomic } from './src/node/writeFile.ts';
      if (${isRoot}) process.setgroups([]), process.setgid(${nobody}), process.setuid(${nobody});
      await writeFileAtomic(${JSON.stringify(at('file'))}, 'new').catch((error) => console.log(error.message));`;
    const options = ['--import', 'tsx', '--input-type=module', '--eval', script];
    expect(execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' })).toMatch(
      /permission denied/,
    );
    expect(readFileSync(at('file'), 'utf8')).toBe('old');
  });

  test('accepts the longest names, since the temporary name is another', async () => {
    const long = 'x'.repeat(255);
    await writeFileAtomic(at(long), '');
    expect(readdirSync(folder)).toEqual([long]);
  });
});

describe('a process that ends in the middle of a file', () => {
  /** Begins a file, with weights that belong to it, and waits. */
  const writer = async () => {
    const script = `
      import { writeFileSync } from 'node:fs';
      import { openPending } from './src/node/writeFile.ts';
      process.on('SIGTERM', () => process.exit(143));
      const file = await openPending(${JSON.stringify(at('model.json'))});
      await file.append('half');
      writeFileSync(${JSON.stringify(folder)} + '/weights-' + file.token + '-1of2.bin', 'half');
      process.stdout.write('begun');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return child;
  };
  const own = ['notes.txt', 'weights-0123abcd-1of2.bin'];
  beforeEach(() => {
    for (const name of own) writeFileSync(at(name), '');
  });

  test('leaves nothing if it exits', async () => {
    const child = await writer();
    expect(readdirSync(folder)).toHaveLength(own.length + 2);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([143, null]);
    expect(readdirSync(folder).sort()).toEqual(own);
  });

  test('leaves files that the next to write removes if it is killed, and none that is still being written', async () => {
    const [dead, alive] = [await writer(), await writer()];
    dead.kill('SIGKILL');
    await once(dead, 'close');
    expect(readdirSync(folder)).toHaveLength(own.length + 4);
    await writeFileAtomic(at('next'), '');
    expect(readdirSync(folder)).toHaveLength(own.length + 3);
    alive.kill('SIGTERM');
    await once(alive, 'close');
    expect(readdirSync(folder).sort()).toEqual(['next', ...own]);
  });

  test('after a model was replaced takes the old weights with it, and before that neither', async () => {
    writeFileSync(at('model.json'), '{"weightsManifest": [{"paths": ["weights-11111111-1of1.bin"]}]}');
    for (const token of ['11111111', '22222222']) {
      const journal = at(`.vgg-blocks-00000000-1-${token}.tmp`);
      for (const path of [at(`weights-${token}-1of1.bin`), journal]) writeFileSync(path, '');
      utimesSync(journal, 0, 0);
    }
    await writeFileAtomic(at('next'), '');
    expect(readdirSync(folder).sort()).toEqual(
      ['model.json', 'next', ...own, 'weights-11111111-1of1.bin'].sort(),
    );
  });

  test('of another machine is given a day', async () => {
    const [fresh, old] = ['00000000-1-11111111', '00000000-1-22222222'].map((id) => `.vgg-blocks-${id}.tmp`);
    for (const name of [fresh!, old!]) writeFileSync(at(name), '');
    const yesterday = Date.now() / 1000 - 25 * 3600;
    utimesSync(at(old!), yesterday, yesterday);
    const store = await temporaryFile({ folder })({ rows: 1, rowLength: 1 });
    await store.dispose();
    expect(readdirSync(folder).sort()).toEqual([fresh, ...own]);
  });
});
