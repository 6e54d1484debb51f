import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import type { TrainOptions } from '../../src/train/index.js';
import type { KilledRun } from './killedRun.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The run as one file, which starts in a fraction of the time. It must lie where tfjs is found. */
const script = path(`../../node_modules/.cache/vgg-blocks/killed-run-${process.pid}.mjs`);

let folder: string;
let kills = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  await build({
    ...{ entryPoints: [path('killedRun.ts')], outfile: script, bundle: true, logLevel: 'error' },
    ...{ platform: 'node', format: 'esm', target: 'node20', packages: 'external' },
  });
});

afterAll(async () => {
  await rm(script, { force: true });
  await rm(folder, { recursive: true, force: true });
});

/** Runs a process to its end; undefined if it was killed. */
function start(run: KilledRun): Promise<{ events: number; weights: string } | undefined> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, JSON.stringify(run)], (error, out, errors) => {
      if (error?.signal === 'SIGKILL') resolve(undefined);
      else if (error) reject(new Error(`${error.message}${errors}`));
      else resolve(JSON.parse(out.trim().split('\n').at(-1)!));
    });
  });
}

const CASES: [string, TrainOptions, { threads?: number; augment?: boolean }?][] = [
  ['sgd', { optimizer: 'sgd' }],
  [
    'momentum, weight decay, step',
    { optimizer: 'momentum', weightDecay: 5e-4, schedule: { name: 'step', every: 1 } },
  ],
  [
    'nesterov, plateau, in parts',
    { optimizer: 'nesterov', schedule: { name: 'plateau', patience: 1 }, microBatchSize: 3 },
  ],
  [
    'adam, cosine, warm-up, augmentation',
    { optimizer: 'adam', schedule: 'cosine', warmupEpochs: 1 },
    { augment: true },
  ],
  ['adamw, average, best', { optimizer: 'adamw', ema: 0.9, keep: 'best', learningRate: 0.01 }],
  ['adam, clipping, patience', { optimizer: 'adam', clipNorm: 0.5, patience: 2, labelSmoothing: 0.1 }],
  ['adam, two threads', { optimizer: 'adam', schedule: 'cosine' }, { threads: 2 }],
  ['momentum, two threads', { optimizer: 'momentum' }, { threads: 2, augment: true }],
];

test.each(CASES)(
  'a run that is killed again and again ends with the same weights: %s',
  async (name, options, { threads = 1, augment = false } = {}) => {
    const random = seededRandom(CASES.findIndex(([one]) => one === name));
    const run = (where: string) => ({
      ...{ folder: join(folder, name, where), threads, augment, options: { epochs: 4, ...options } },
    });
    const whole = (await start(run('whole')))!;
    for (let i = 0; i < 7; i++) {
      // A seventh of the events at most, so that the run is not over before the last kill.
      const dieAt = random.below(Math.floor(whole.events / 7));
      expect(await start({ ...run('killed'), dieAt }), `killed before event ${dieAt}`).toBeUndefined();
      kills++;
    }
    const { events, ...end } = (await start(run('killed')))!;
    expect({ events: whole.events, ...end }).toEqual(whole);
    const left = await readdir(run('killed').folder);
    expect(
      left.every((file) => /^epoch-.*safetensors$/.test(file)),
      left.join(),
    ).toBe(true);
  },
);

test('there were at least 50 kills', () => {
  expect(kills).toBeGreaterThanOrEqual(50);
});
