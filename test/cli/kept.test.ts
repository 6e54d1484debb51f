import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { checkKept, checkNotItself } from '../../src/cli/modelFile.js';
import { inFlags } from '../../src/cli/wording.js';
import { IMAGES } from '../node/encodedImages.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const png = Buffer.from(IMAGES.png, 'base64');
mkdirSync(at('set'));
for (const name of ['a.png', 'b.png', 'st-4.png', 'st-5.png', 'set/c.png']) writeFileSync(at(name), png);
writeFileSync(at('w.safetensors'), 'weights');
symlinkSync(at('a.png'), at('link.png'));
linkSync(at('a.png'), at('hard.png'));
symlinkSync(folder, at('around'));
const refused = (command: string, path: string) =>
  `${command}: ${path} is what is read, which the result would replace; write to another path.`;

test('what is read is known by any path to it, and a new file or another is written', () => {
  for (const output of [
    'a.png',
    'link.png',
    'hard.png',
    'around/a.png',
    'set/../a.png',
    'around/set/c.png',
  ]) {
    expect(() => checkKept('x', [undefined, at('none'), at('a.png'), at('set')], [at(output)])).toThrow(
      refused('x', at(output)),
    );
  }
  for (const path of ['w.safetensors', 'around/w.safetensors']) {
    const url = pathToFileURL(at(path)).href;
    const message = refused('x', at('w.safetensors'));
    expect(() => checkKept('x', [url], [at('w.safetensors')])).toThrow(message);
    expect(() => checkNotItself('x', url, at('w.safetensors'))).toThrow(message);
  }
  checkKept('x', [at('a.png'), at('set')], [at('b.png'), at('new.png'), at('set', 'new.png'), at('set')]);
});

const W = ['--weights', at('w.safetensors')];
test.each([
  ['style', ['--content', at('a.png'), '--style', at('b.png'), '--out', at('a.png')], 'a.png'],
  ['style', ['--content', at('a.png'), '--style', at('b.png'), '--out', at('link.png')], 'link.png'],
  [
    'style',
    ['--content', at('st-4.png'), '--style', at('b.png'), '--out', at('st.png'), '--every', '2'],
    'st-4.png',
  ],
  ['lpips', [at('a.png'), at('b.png'), '--map', at('b.png')], 'b.png'],
  ['lpips', [at('a.png'), at('set'), '--map', at('a.png')], 'a.png'],
  ['similar', [at('a.png'), at('set'), '--save-index', at('w.safetensors')], 'w.safetensors'],
])('%s %j does not replace what it reads', async (command, args, path) => {
  expect(await run(command, ...args, ...W)).toEqual({
    code: 1,
    out: '',
    error: `${refused(command, at(path))}\n`,
  });
  expect(readFileSync(at('a.png'))).toEqual(png);
});

test.each([
  ['style', ['--content', at('a.png'), '--style', at('b.png')]],
  ['visualize', ['--layer', 'block1_conv1']],
  ['features', [at('a.png'), '--layer', 'block1_conv1']],
])('%s refuses before the work a file in a file', async (command, args) => {
  const out = at('b.png', command === 'features' ? 'x.npy' : 'x.png');
  expect((await run(command, ...args, ...W, '--out', out)).error).toBe(
    `${command}: ${out} could not be written: ${at('b.png')} is a file; choose another path.\n`,
  );
});

test('convert knows a hard link as the file', async () => {
  linkSync(at('w.safetensors'), at('same.safetensors'));
  expect((await run('convert', at('w.safetensors'), at('same.safetensors'))).error).toBe(
    `${refused('convert', at('same.safetensors'))}\n`,
  );
});

test('a run does not replace the results that it starts from', async () => {
  mkdirSync(at('run', 'model'), { recursive: true });
  writeFileSync(at('run', 'model', 'model.json'), '{}');
  for (const [flag, source] of [
    ['--weights', at('run')],
    ['--teacher', at('around', 'run', 'model', 'model.json')],
  ] as const) {
    expect((await run('train', flag, source, '--out', at('run'), '--overwrite')).error).toBe(
      `train: ${flag} ${source} is among the results in --out ${at('run')}, which the run would replace; write to another folder.\n`,
    );
  }
});

test('an option that a method of explaining lacks is called by its flag', () => {
  const said =
    'explain: layer is "pool1", but occlusion has no such option; leave it out, or use window, onProgress.';
  expect(inFlags(said, 'gradcam')).toBe(
    '--layer is "pool1", but occlusion has no such option; leave it out.',
  );
});

/** A folder with files of someone else. */
function others(name: string, files: readonly string[]): string {
  mkdirSync(at(name, 'run', 'model'), { recursive: true });
  for (const file of files) writeFileSync(at(name, file), 'mine');
  return at(name);
}

test.each<[string, string, (folder: string) => string[], sentence: string]>([
  [
    'evaluate',
    'evaluation.json',
    (out) => [...W, '--data', 'generated', '--out', out],
    'evaluate: FILE, which it would replace, was not written by evaluate; move it away, or choose another path.',
  ],
  [
    'evaluate',
    'confusion.svg',
    (out) => [...W, '--data', 'generated', '--out', out],
    'evaluate: FILE, which it would replace, is there already; move it away, or choose another --out.',
  ],
  [
    'features',
    'f.pool1.npy',
    (out) => [at('a.png'), ...W, '--layer', 'pool1,pool2', '--out', join(out, 'f.npy')],
    'features: FILE, which it would replace, is there already; move it away, or choose another --out.',
  ],
  [
    'lpips',
    'c.png.lpips.png',
    (out) => [at('set'), at('around', 'set'), ...W, '--map', out],
    'lpips: FILE, which it would replace, is there already; move it away, choose another --map, or add --overwrite.',
  ],
  [
    'style',
    's-4.png',
    (out) => [
      ...[...W, '--content', at('a.png'), '--style', at('b.png')],
      ...['--out', join(out, 's.png'), '--every', '2'],
    ],
    'style: FILE, which it would replace, is there already; move it away, choose another --out, or add --overwrite.',
  ],
  ...['convert', 'compress'].flatMap((command): [string, string, (out: string) => string[], string][] => {
    const target = command === 'compress' ? ['--rank', 'all=1'] : [];
    return [
      [
        command,
        'model.json',
        (out) => [at('w.safetensors'), out, ...target],
        `${command}: FILE, which it would replace, was not written by ${command}; move it away, or choose another path.`,
      ],
      [
        command,
        'run/run.json',
        (out) => [at('w.safetensors'), join(out, 'run', 'model'), ...target],
        `${command}: FOLDER/run/model has the model of the run in FOLDER/run, which the result would replace; write to another path.`,
      ],
    ];
  }),
])('%s does not replace %s of someone else', async (command, file, args, sentence) => {
  const out = others(`${command}-${file.replace(/\W/g, '-')}`, [file]);
  const error = `${sentence.replace('FILE', join(out, file)).replaceAll('FOLDER', out)}\n`;
  expect(await run(command, ...args(out))).toEqual({ code: 1, out: '', error });
  expect(readFileSync(join(out, file), 'utf8')).toBe('mine');
});

test('features goes on where the files are its own', async () => {
  const layers = [{ file: 'before/own.pool1.npy' }, { file: 'before/own.pool2.npy' }];
  writeFileSync(at('own.json'), JSON.stringify({ network: 'w', layers, images: [] }));
  writeFileSync(at('own.pool1.npy'), '');
  const { error } = await run(
    'features',
    at('a.png'),
    ...W,
    '--layer',
    'pool1,pool2',
    '--out',
    at('own.npy'),
  );
  // Which is looked at next.
  expect(error).toContain('w.safetensors');
});

test('a style transfer is not advised to pass options that it has no flags for', () => {
  const said =
    'styleTransfer: the model has no layer relu4_2, which the paper reads; pass a network of five blocks, or name layers of this one as contentLayers and styleLayers.';
  expect(inFlags(said, 'style')).toBe(
    'the model has no layer relu4_2, which the paper reads; pass a network of five blocks.',
  );
});
