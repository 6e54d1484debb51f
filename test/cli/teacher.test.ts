import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { idxImages } from '../../src/data/index.js';
import { encodePng, PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { type History, train } from '../../src/train/index.js';
import { encodeWeights, fromWeights, setMetadata } from '../../src/weights/index.js';
import { useBackend } from '../support/backends.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-teacher-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
const read = (...path: string[]) => JSON.parse(readFileSync(at(...path), 'utf8'));

/** Tables of noise of 8x8 pixels, brighter by class. */
function writeTables(): void {
  const random = seededRandom(2);
  mkdirSync(at('set'));
  for (const [part, rows] of Object.entries({ train: 24, test: 6 })) {
    const lines = Array.from({ length: rows }, (_, i) => [
      i % 3,
      ...Array.from({ length: 64 }, () => random.below(80) + 80 * (i % 3)),
    ]);
    const header = ['label', ...Array.from({ length: 64 }, (_, i) => `pixel${i}`)];
    writeFileSync(at('set', `noise_${part}.csv`), `${[header, ...lines].join('\n')}\n`);
  }
}

/** Writes a network of three classes. */
async function writeNetwork(name: string, width: number, classNames?: string[]): Promise<void> {
  const model = vgg([[1, width]], {
    ...{ inputShape: [8, 8, 1], classes: 3, hiddenUnits: 4, dropout: 0, seed: width },
  });
  if (classNames) setMetadata(model, { classNames });
  writeFileSync(at(`${name}.safetensors`), await encodeWeights(model));
  model.dispose();
}

beforeAll(async () => {
  await useBackend('wasm');
  writeTables();
  await writeNetwork('student', 2);
  await writeNetwork('teacher', 5);
  await writeNetwork('other', 6);
});

describe('vgg-blocks train', () => {
  const common = ['--data', at('set'), '--threads', '1', '--epochs', '2', '--batch', '8'];
  const from = ['--weights', at('student.safetensors')];
  const teacher = ['--teacher', at('teacher.safetensors'), '--temperature', '3', '--distill-weight', '0.8'];

  test('begins with a file and learns from another, as in code, and goes on with no other teacher', async () => {
    const out = at('run');
    const first = await run('train', ...common, ...from, ...teacher, '--out', out);
    expect(first).toMatchObject({ code: 0, error: expect.stringContaining('does not say how images are') });
    expect(first.out).toContain('24 training and 6 test images of 3 classes at 8x8x1; 187 parameters');
    const load = async (name: string) => (await fromWeights(at(`${name}.safetensors`))).model;
    const [student, model] = [await load('student'), await load('teacher')];
    const { trainSet, testSet } = await idxImages({ source: at('set') });
    const history = await train(
      student,
      { trainSet, testSet },
      {
        ...{ optimizer: 'adam', schedule: 'cosine', batchSize: 8, epochs: 2 },
        distill: { teacher: model, temperature: 3, weight: 0.8 },
      },
    );
    const losses = ({ epochs }: History) => epochs.map(({ loss, testLoss }) => [loss, testLoss]);
    expect(losses(read('run', 'history.json'))).toEqual(losses(history));
    student.dispose();
    model.dispose();

    const { outcome, ...begun } = read('run', 'run.json');
    writeFileSync(at('run', 'run.json'), JSON.stringify(begun));
    const own = readFileSync(at('teacher.safetensors'));
    writeFileSync(at('teacher.safetensors'), readFileSync(at('other.safetensors')));
    const refused = await run('train', '--resume', out, '--allow', 'both');
    expect(refused.error).toMatch(
      /the run in .* is another: --teacher was "8 layers, \w{8}" and is "8 layers, \w{8}"\. Pass what it began with\.\n$/,
    );
    expect(refused.code).toBe(1);
    writeFileSync(at('teacher.safetensors'), own);
    expect(await run('train', '--resume', out)).toMatchObject({ code: 0 });
    // The model's files have names of their own.
    const ended = ({ accuracy, written: { 'history.json': history } }: typeof outcome) => [accuracy, history];
    expect(ended(read('run', 'run.json').outcome)).toEqual(ended(outcome));
  });

  test.each<[string, string[], string]>([
    [
      'a new network with --weights',
      [...from, '--hidden', '8'],
      'train: --weights cannot be used with --hidden; leave one of them out.',
    ],
    [
      '--temperature without a teacher',
      ['--temperature', '3'],
      'train: --temperature is given without --teacher, and would change nothing',
    ],
    [
      'a temperature whose square float32 does not hold',
      ['--teacher', at('teacher.safetensors'), '--temperature', '1e20'],
      "--temperature is '1e20'; it must be from 0.001 to 1000.",
    ],
    [
      'a weight of 0',
      ['--teacher', at('teacher.safetensors'), '--distill-weight', '0'],
      'it must be above 0 and at most 1.',
    ],
    [
      'a network of other classes',
      ['--weights', at('colors.safetensors')],
      `train: ${at('colors.safetensors')} has 2 classes, but the images have 3; use data of the same classes.`,
    ],
    [
      'a teacher of other classes',
      [...from, '--teacher', at('colors.safetensors')],
      `train: the teacher ${at('colors.safetensors')} has 2 classes, but the images have 3; use one of the same classes.`,
    ],
    [
      'a teacher of other images',
      ['--arch', '[[1,4]]', '--ratio', '1', '--size', '16', '--teacher', at('teacher.safetensors')],
      'train: the images are 16x16x1, but the teacher takes 8x8x1; pass a teacher for the same images.',
    ],
  ])('refuses %s', async (_, args, message) => {
    await writeColors();
    const { code, error } = await run('train', ...common, ...args, '--out', at('refused', 'run'));
    expect(error).toContain(message);
    expect(code).toBe(1);
    expect(existsSync(at('refused')), 'a folder is left').toBe(false);
  });
});

/** A base for color images, with two classes. */
async function writeColors(): Promise<void> {
  const model = vgg([[1, 3]], {
    inputShape: [8, 8, 3],
    classes: 2,
    hiddenUnits: 4,
    initializer: 'heUniform',
  });
  setMetadata(model, { preprocessing: PLAIN_PREPROCESSING });
  writeFileSync(at('colors.safetensors'), await encodeWeights(model));
  model.dispose();
}

test('finetune learns from the network of another run, on cached features', async () => {
  await writeColors();
  const random = seededRandom(3);
  for (let i = 0; i < 12; i++) {
    const name = i % 2 ? 'blue' : 'red';
    const data = Uint8Array.from({ length: 192 }, (_, k) => random.below(120) + (k % 3 === i % 2 ? 100 : 0));
    mkdirSync(at('images', name), { recursive: true });
    writeFileSync(at('images', name, `${i}.png`), await encodePng({ data, width: 8, height: 8 }));
  }
  const weights = ['--weights', at('colors.safetensors'), '--lr', '0.05'];
  const common = [at('images'), ...weights, '--epochs', '4', '--batch', '4'];
  const losses = async (out: string, ...args: string[]) => {
    const { code, error } = await run('finetune', ...common, '--out', at(out), ...args);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const { phases } = read(out, 'history.json') as { phases: History[] };
    return phases.map(({ epochs }) => epochs.map(({ loss }) => loss));
  };
  const alone = await losses('teaching', '--unfreeze', 'block1', '--unfreeze-epochs', '1');
  const taught = await losses(
    'taught',
    '--unfreeze',
    'block1',
    '--unfreeze-epochs',
    '1',
    '--teacher',
    at('teaching'),
  );
  expect(taught.map(({ length }) => length)).toEqual([4, 1]);
  expect(Math.abs(taught[0]!.at(-1)! - alone[0]!.at(-1)!)).toBeGreaterThan(1e-3);
  await writeNetwork('numbers', 3, ['x', 'y', 'z']);
  const other = await run(
    'finetune',
    ...common,
    '--out',
    at('refused'),
    '--teacher',
    at('numbers.safetensors'),
  );
  expect(other.error).toContain('has 3 classes, but the images have 2; use one of the same classes.');
});
