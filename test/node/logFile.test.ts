import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { openLog, tensorBoardWriter } from '../../src/node/index.js';
import { encodeEvent } from '../../src/train/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-logs-'));
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a log keeps whole appends: one that the disk has no room for leaves nothing', async () => {
  const path = join(folder, 'deep', 'steps.jsonl');
  const log = await openLog(path);
  await log.append('one\n');
  const file = await open(path);
  const handles = Object.getPrototypeOf(file) as { write: (...all: unknown[]) => Promise<unknown> };
  await file.close();
  const write = handles.write;
  // A disk that fills up takes a part first.
  const full = vi.spyOn(handles, 'write');
  full.mockImplementationOnce(function (this: unknown, bytes, at, _, position) {
    return write.call(this, bytes, at, 2, position);
  });
  full.mockRejectedValueOnce(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }));
  await expect(log.append('two\n')).rejects.toThrow(
    `${path} could not be written: the disk is full; free some space and try again.`,
  );
  expect(readFileSync(path, 'utf8')).toBe('one\n');
  await log.append('three\n');
  await log.close();
  expect(readFileSync(path, 'utf8')).toBe('one\nthree\n');
  const more = await openLog(path, { append: true });
  await more.append('four\n');
  await more.close();
  expect(readFileSync(path, 'utf8')).toBe('one\nthree\nfour\n');
  await (await openLog(path)).close();
  expect(readFileSync(path, 'utf8')).toBe('');
});

test('a file is one log at a time in a process, and the refused one leaves it as it is', async () => {
  const path = join(folder, 'one.jsonl');
  symlinkSync(path, join(folder, 'link.jsonl'));
  const log = await openLog(path);
  await log.append('one\n');
  for (const append of [false, true]) {
    for (const other of [path, join(folder, 'link.jsonl')]) {
      await expect(openLog(other, { append })).rejects.toThrow(
        new RangeError(`openLog: ${other} is open as a log already; append to that one, or close it first.`),
      );
    }
  }
  await log.append('two\n');
  await log.close();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  await (await openLog(path, { append: true })).close();
  // @ts-expect-error: Only yes or no.
  await expect(openLog(path, { append: 'false' })).rejects.toThrow(/append is "false"; it must be/);
  const [one, two] = [await openLog('/dev/null'), await openLog('/dev/null')];
  await Promise.all([one.close(), two.close()]);
});

test('appends that overlap stand one after another, as they were when they were passed', async () => {
  const path = join(folder, 'overlapping.jsonl');
  const log = await openLog(path);
  const bytes = new TextEncoder().encode('b\n');
  const appends = [...'acde'].map((letter) => log.append(`${letter}\n`));
  appends.push(log.append(bytes));
  bytes.fill(0);
  await log.close();
  await Promise.all(appends);
  expect(readFileSync(path, 'utf8')).toBe('a\nc\nd\ne\nb\n');
});

test('two event files that are opened in one second are two files', async () => {
  vi.spyOn(Date, 'now').mockReturnValue(1_764_124_800_250);
  const boards = [
    await tensorBoardWriter(join(folder, 'boards')),
    await tensorBoardWriter(join(folder, 'boards')),
  ];
  await Promise.all(
    boards.map((board) => Promise.all([1, 2, 3].map((step) => board.add(step, { loss: step })))),
  );
  for (const board of boards) await board.close();
  const names = readdirSync(join(folder, 'boards'));
  const wallTime = 1764124800.25;
  const events = [
    { wallTime, fileVersion: 'brain.Event:2' },
    ...[1, 2, 3].map((step) => ({ wallTime, step, scalars: { loss: step } })),
  ];
  expect(names.map((name) => [...readFileSync(join(folder, 'boards', name))])).toEqual(
    Array(2).fill(events.flatMap((event) => [...encodeEvent(event)])),
  );
});

test('an event file begins with its version and has what is added, without what is unknown', async () => {
  vi.spyOn(Date, 'now').mockReturnValue(1_764_124_800_250);
  const board = await tensorBoardWriter(join(folder, 'board'));
  await board.add(7, { 'loss/train': 0.5, 'loss/test': null, learning_rate: undefined });
  await board.close();
  const [name, ...more] = readdirSync(join(folder, 'board'));
  expect([name, more]).toEqual([expect.stringMatching(/^events\.out\.tfevents\.1764124800\./), []]);
  const wallTime = 1764124800.25;
  expect([...readFileSync(join(folder, 'board', name!))]).toEqual([
    ...encodeEvent({ wallTime, fileVersion: 'brain.Event:2' }),
    ...encodeEvent({ wallTime, step: 7, scalars: { 'loss/train': 0.5 } }),
  ]);
});

test('what is closed is refused by the function that opened it, and so is a step that is no safe number', async () => {
  const log = await openLog(join(folder, 'closed.jsonl'));
  await log.close();
  await expect(log.append('x')).rejects.toThrow('openLog: it is closed already; open another.');
  await log.close();
  const board = await tensorBoardWriter(join(folder, 'closed'));
  await expect(board.add(2 ** 60, { a: 1 })).rejects.toThrow(
    'tensorBoardWriter: step is 1152921504606847000; it must be a whole number from 0 to 9007199254740991.',
  );
  await expect(board.add(1, [] as never)).rejects.toThrow(
    'tensorBoardWriter: scalars is []; it must be an object of numbers.',
  );
  await board.close();
  await expect(board.add(1, { a: 1 })).rejects.toThrow(
    'tensorBoardWriter: it is closed already; open another.',
  );
});

test('events that cannot be begun leave no log open', async () => {
  const board = join(folder, 'full');
  const file = await open(join(folder, 'any'), 'w');
  const handles = Object.getPrototypeOf(file) as { write: (...all: unknown[]) => Promise<unknown> };
  await file.close();
  const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  vi.spyOn(handles, 'write').mockRejectedValueOnce(full);
  await expect(tensorBoardWriter(board)).rejects.toThrow('could not be written: the disk is full;');
  const [name] = readdirSync(board);
  await (await openLog(join(board, name!))).close();
});
