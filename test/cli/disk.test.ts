import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isSetFolder } from '../../src/cli/data.js';
import { checkReplaced, foldersIn, isFolder, isThere, namesIn, textAt } from '../../src/cli/disk.js';
import { modelFile } from '../../src/cli/modelFile.js';
import { readBegun, unfinishedRun } from '../../src/cli/runDescription.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
// A link to itself is refused to anyone, the administrator included.
symlinkSync(at('loop'), at('loop'));
const refused = (path: string) =>
  `${path} could not be read: its symbolic links form a circle; make it readable, or use another path.`;

test('nothing at a path is an answer, and a path that cannot be looked at an error', () => {
  for (const path of [at('absent'), at('absent', 'deeper'), at('x'.repeat(300))]) {
    expect([isThere(path), isFolder(path), namesIn(path), textAt(path)]).toEqual([
      false,
      false,
      [],
      undefined,
    ]);
  }
  for (const look of [isThere, isFolder, namesIn, foldersIn, textAt, isSetFolder]) {
    expect(() => look(at('loop'))).toThrow(refused(at('loop')));
  }
  // An entry of a folder is left to what reads it.
  mkdirSync(at('set', 'cats'), { recursive: true });
  mkdirSync(at('set', '.git'));
  symlinkSync(at('loop'), at('set', 'dogs'));
  expect(foldersIn(at('set'))).toEqual(['cats']);
});

test.skipIf(process.platform === 'win32')('a pipe is not waited for', () => {
  execFileSync('mkfifo', [at('run.json')]);
  expect(() => readBegun(folder)).toThrow(`${at('run.json')} could not be read: it is a pipe or a device;`);
  rmSync(at('run.json'));
});

test('a run, results or a model that cannot be read are not taken for none', () => {
  expect([readBegun(folder), unfinishedRun(folder), modelFile(folder)]).toEqual([
    undefined,
    undefined,
    { file: folder },
  ]);
  for (const name of ['run.json', 'result.json', 'model']) {
    mkdirSync(at(name, 'of'), { recursive: true });
    const path = name === 'model' ? join('model', 'model.json') : name;
    symlinkSync(at('loop'), at(name, 'of', name));
    expect(() => modelFile(at(name, 'of'))).toThrow(refused(at(name, 'of', path)));
  }
  expect(() => readBegun(at('run.json', 'of'))).toThrow(refused(at('run.json', 'of', 'run.json')));
  // That of another program, beside weights.
  writeFileSync(at('run.json', 'run.json'), '[]');
  expect(unfinishedRun(at('run.json'))).toBeUndefined();
  expect(() => readBegun(at('run.json'))).toThrow(/run\.json is not the description of a run/);
});

test('a JSON file of something else is not replaced by one beside what was named', async () => {
  const of = (content: string) => {
    writeFileSync(at('mine.json'), content);
    return () => checkReplaced('features', at('mine.json'), ['layers', 'images']);
  };
  const sentence = `features: ${at('mine.json')}, which it would replace, was not written by features; move it away, or choose another path.`;
  for (const content of ['', '{', '[]', 'null', '{"images":1}']) expect(of(content)).toThrow(sentence);
  expect(of('{"layers":[],"images":[]}')).not.toThrow();
  expect(() => checkReplaced('features', at('absent.json'), ['layers'])).not.toThrow();
  of('{}');
  const options = ['--layer', 'pool1', '--out', at('mine.npy'), '--weights', at('none.safetensors')];
  expect(await run('features', at('none.png'), ...options)).toEqual({
    code: 1,
    out: '',
    error: `${sentence}\n`,
  });
  mkdirSync(at('other'));
  writeFileSync(at('other', 'report.json'), '{}');
  expect((await run('compress', at('none.safetensors'), at('other'), '--rank', 'fc1=2')).error).toBe(
    `compress: ${at('other', 'report.json')}, which it would replace, was not written by compress; move it away, or choose another path.\n`,
  );
  mkdirSync(at('project', 'model'), { recursive: true });
  for (const command of [['train'], ['finetune', at('set'), '--pretrained', 'torchvision/vgg11']]) {
    expect((await run(...command, '--out', at('project'))).error).toBe(
      `${command[0]}: ${at('project')} has model, which the run would replace, but no run.json of the run that it is of; choose another --out, or add --overwrite.\n`,
    );
  }
});

test('commands say in one sentence which folder cannot be read', async () => {
  const loop = at('loop');
  const commands = [
    ['train', '--data', loop, '--out', at('out')],
    ['train', '--resume', at('run.json', 'of')],
    ['finetune', loop, '--pretrained', 'torchvision/vgg11', '--out', at('out')],
    ['evaluate', '--data', loop, '--memory', '1', '--weights', at('none.safetensors')],
    ['classify', at('none.png'), '--weights', loop],
    ['convert', loop, at('out.safetensors')],
    ['compress', loop, at('out'), '--rank', 'fc1=2'],
    ['inspect', loop],
    ['lpips', loop, loop],
  ];
  for (const args of commands) {
    const path = args.includes('--resume') ? at('run.json', 'of', 'run.json') : loop;
    expect(await run(...args)).toMatchObject({ code: 1, out: '', error: `${args[0]}: ${refused(path)}\n` });
  }
});
