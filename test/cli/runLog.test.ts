import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { runLog } from '../../src/cli/runLog.js';
import { tensorBoardWriter } from '../../src/node/index.js';
import type { EpochRow, StepRow } from '../../src/train/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-run-log-'));
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const step = (number: number): StepRow => ({
  step: number,
  epoch: 1,
  loss: 1,
  accuracy: 0,
  learningRate: 0.1,
});
const row = (epoch: number): EpochRow => ({
  ...{ epoch, examples: 8, loss: 1, trainAccuracy: 0.5, testLoss: null, testAccuracy: null },
  ...{ validationLoss: null, validationAccuracy: null, learningRate: 0.1, examplesPerSecond: 9, seconds: 1 },
});

/** Logs steps, and returns those in the file afterwards. */
async function logged(...numbers: number[]): Promise<number[]> {
  const { open, onStep, close } = runLog(folder, { logSteps: true });
  await open([]);
  for (const number of numbers) onStep!(step(number));
  await close();
  const lines = readFileSync(join(folder, 'steps.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as StepRow).step);
}

test('steps of a run that goes on follow those before it, and another run begins anew', async () => {
  expect(await logged(1, 2, 3)).toEqual([1, 2, 3]);
  writeFileSync(join(folder, 'steps.jsonl'), '{"step":4,"epo', { flag: 'a' });
  expect(await logged(3, 4)).toEqual([1, 2, 3, 4]);
  expect(await logged(1)).toEqual([1]);
});

test('an epoch whose files nobody waits for, as after Ctrl-C, is written before the log is closed', async () => {
  const complain = vi.spyOn(console, 'error').mockReturnValue();
  const stopped = join(folder, 'stopped');
  const log = runLog(stopped, { tensorboard: true });
  await log.open([]);
  const written = log.onEpoch(row(1));
  await log.close();
  expect(readFileSync(join(stopped, 'history.csv'), 'utf8').trim().split('\n')).toHaveLength(2);
  expect(complain).not.toHaveBeenCalled();
  await written;
});

/** Makes the next writes to files fail, as on a full disk. */
async function fillDisk() {
  const file = await open(join(folder, 'any'), 'w');
  const handles = Object.getPrototypeOf(file) as { write: () => Promise<unknown> };
  await file.close();
  const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  return vi.spyOn(handles, 'write').mockRejectedValue(full);
}

test('what a full disk had no room for follows in order, and what a killed run did not write is missed', async () => {
  const complain = vi.spyOn(console, 'error').mockReturnValue();
  const log = runLog(folder, { logSteps: true, tensorboard: true });
  await log.open([]);
  log.onStep!(step(1));
  await log.onEpoch(row(1));
  const disk = await fillDisk();
  for (const number of [2, 3]) log.onStep!(step(number));
  await log.onEpoch(row(2));
  disk.mockRestore();
  log.onStep!(step(4));
  await log.close();
  expect(complain.mock.calls.map(([message]) => message)).toEqual([
    expect.stringMatching(/steps\.jsonl could not be written: the disk is full; /),
    expect.stringMatching(/tfevents\..* could not be written: the disk is full; /),
  ]);
  const [events] = readdirSync(folder).filter((name) => name.startsWith('events'));
  const board = await tensorBoardWriter(join(folder, 'board'));
  for (const epoch of [1, 2]) await board.addEpoch(row(epoch));
  await board.close();
  const [wanted] = readdirSync(join(folder, 'board'));
  // Without their times.
  expect(statSync(join(folder, events!)).size).toBe(statSync(join(folder, 'board', wanted!)).size);
  complain.mockClear();
  expect(await logged(7)).toEqual([1, 2, 3, 4, 7]);
  expect(complain.mock.calls).toEqual([
    [`${join(folder, 'steps.jsonl')} lacks 2 of the steps before 7, which were not written.`],
  ]);
});

test('epochs of phases and of an earlier process are numbered consecutively', async () => {
  const log = runLog(folder);
  await log.open([row(1), row(2)]);
  for (const epoch of [3, 1]) await log.onEpoch(row(epoch));
  await log.close();
  const lines = readFileSync(join(folder, 'history.csv'), 'utf8').trim().split('\n');
  expect(lines.map((line) => line.split(',')[0])).toEqual(['epoch', '1', '2', '3', '4']);
});

test('what cannot be written is reported once, and the run goes on', async () => {
  const gone = mkdtempSync(join(tmpdir(), 'vgg-gone-'));
  const log = runLog(gone);
  rmSync(gone, { recursive: true });
  writeFileSync(gone, 'a file in place of the folder');
  const complain = vi.spyOn(console, 'error').mockReturnValue();
  for (const epoch of [1, 2]) await log.onEpoch(row(epoch));
  expect(complain.mock.calls.map(([message]) => message)).toEqual([
    expect.stringMatching(/history\.csv could not be written: there is a file where a folder is expected/),
    expect.stringMatching(/curves\.svg could not be written: /),
  ]);
  rmSync(gone);
});
