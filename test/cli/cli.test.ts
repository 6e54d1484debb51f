import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  code: number | null;
  out: string;
  error: string;
}

function start(args: string[]): { child: ChildProcess; outcome: Promise<Outcome>; out: () => string } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root });
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    error += chunk;
  });
  const outcome = new Promise<Outcome>((resolve) =>
    child.on('close', (code) => resolve({ code, out, error })),
  );
  return { child, outcome, out: () => out };
}

const run = (...args: string[]) => start(args).outcome;

describe('vgg-blocks', () => {
  test('tally prints the discussion, with the right sums', async () => {
    const { code, out } = await run('tally');
    expect(code).toBe(0);
    expect(out).toMatch(/their sum +3745824 +9217728/);
  });

  test('summary takes a name, AlexNet or blocks as JSON, and tells the cost', async () => {
    const { out } = await run('summary', 'vgg16', '--channels', '3', '--classes', '1000', '--batch', '1');
    expect(out).toMatch(/total +138,357,544 +15,470,264,320/);
    expect(out).toContain('46.3 GMACs (15.5 GMACs forward)');
    expect((await run('summary', '[[1,8]]', '--size', '8')).out).toContain('block1_conv1');
    expect((await run('summary', 'alexnet')).out).toMatch(/total +46,764,746/);
  });

  test('diagram prints an SVG or writes it', async () => {
    expect((await run('diagram', 'vgg11')).out).toMatch(/^<svg[\s\S]+<\/svg>\n$/);
    const path = join(folder, 'figure.svg');
    expect(await run('diagram', '--out', path)).toMatchObject({ code: 0, out: '', error: '' });
    expect(readFileSync(path, 'utf8')).toContain('>alexnet<');
  });
});

const SMALL = ['--ratio', '32', '--hidden', '16', '--batch', '128'];

describe('vgg-blocks train', () => {
  test('writes model, history, curves and predictions, and a line an epoch', async () => {
    const out = join(folder, 'run');
    const result = await run('train', ...SMALL, '--epochs', '2', '--out', out, '--min-accuracy', '0.05');
    expect(result.error).toBe('');
    expect(result.code).toBe(0);
    expect(result.out).toContain('4000 training and 1000 test pictures at 32x32x1');
    expect(
      result.out.match(/^epoch \d\/2: loss \d\.\d{3}, train acc 0\.\d{3}, test acc 0\.\d{3}, /gm),
    ).toHaveLength(2);
    expect(readdirSync(out).sort()).toEqual(['curves.svg', 'history.json', 'model', 'predictions.svg']);
    const history = JSON.parse(readFileSync(join(out, 'history.json'), 'utf8'));
    expect(history.epochs).toHaveLength(2);
    expect(history).toMatchObject({ ended: 'finished', optimizer: 'adam', learningRate: 0.001, seed: 0 });
    expect(readFileSync(join(out, 'curves.svg'), 'utf8')).toContain('test accuracy');
    expect(readFileSync(join(out, 'predictions.svg'), 'utf8').match(/<image /g)).toHaveLength(40);
    expect(readdirSync(join(out, 'model'))).toContain('model.json');
  });

  test('fails when the accuracy asked for is not reached', async () => {
    const result = await run(
      'train',
      ...SMALL,
      '--epochs',
      '1',
      '--out',
      join(folder, 'low'),
      '--min-accuracy',
      '1.1',
    );
    expect(result.code).toBe(1);
    expect(result.error).toMatch(
      /^train: test accuracy 0\.\d{4} is below 1\.1, which --min-accuracy asks for\.\n$/,
    );
  });

  test('an interrupt stops after a batch and what was learned is written', async () => {
    const out = join(folder, 'stopped');
    const { child, outcome, out: printed } = start(['train', ...SMALL, '--epochs', '500', '--out', out]);
    while (child.exitCode === null && !printed().includes('epoch'))
      await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGINT');
    const { code, out: text } = await outcome;
    expect(code).toBe(0);
    expect(text).toMatch(/^stopped.*; model\/, history\.json, curves\.svg, predictions\.svg are in /m);
    expect(JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')).ended).toBe('aborted');
  });

  test.each<[string, string[], RegExp]>([
    [
      'a folder that is not there',
      ['--data', '/no/such/folder'],
      /^\/no\/such\/folder: it holds neither .*\n$/,
    ],
    [
      'an unknown architecture',
      ['--arch', 'vgg12'],
      /argument 'vgg12' is invalid. it must be one of vgg11, /,
    ],
    [
      'a ratio that does not divide',
      ['--ratio', '3'],
      /^scaleArch: ratio 3 does not divide the 64 channels of block 1; use a divisor of every width\.\n$/,
    ],
    ['pictures too small', ['--size', '16'], /^vgg: input 16x16 is smaller than 32x32/],
    ['no number', ['--epochs', 'many'], /argument 'many' is invalid. it must be a number\./],
    [
      'a folder that cannot be made',
      ['--out', 'package.json'],
      /^train: the folder package\.json could not be made \(.*\); choose another with --out\.\n$/,
    ],
  ])('%s is one clear error', async (_, args, message) => {
    const { code, error } = await run('train', ...args);
    expect(code).toBe(1);
    expect(error).toMatch(message);
    expect(error).not.toMatch(/^ {4}at /m);
  });
});
