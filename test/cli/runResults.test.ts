import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { lostOf, type Written, writtenIn } from '../../src/cli/runResults.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-results-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const outcomeIn = (out: string): { written: Written } =>
  JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).outcome;

describe('the results of a complete run', () => {
  const out = join(folder, 'run');
  const lean = ['--arch', '[[1,2],[1,2]]', '--ratio', '1', '--hidden', '4', '--size', '8', '--batch', '500'];
  const logs = ['--log-steps', '--tensorboard'];

  beforeAll(async () => {
    expect(await run('train', ...lean, '--epochs', '1', ...logs, '--out', out)).toMatchObject({
      code: 0,
      error: '',
    });
  });

  /** The run in a folder of its own. */
  const copied = () => {
    const copy = mkdtempSync(join(folder, 'copy-'));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(out, copy, { recursive: true });
    return copy;
  };

  test('are noted with the logs, each as it is', async () => {
    const { written } = outcomeIn(out);
    expect(Object.keys(written).sort()).toEqual([
      'curves.svg',
      expect.stringMatching(/^events\.out\.tfevents\./),
      'history.csv',
      'history.json',
      'model/model.json',
      expect.stringMatching(/^model\/weights-.*\.bin$/),
      'predictions.svg',
      'steps.jsonl',
    ]);
    expect(written).toEqual(await writtenIn(out));
    expect(await lostOf('train', out, written)).toEqual({ results: [], logs: [] });
  });

  test('are each missed, and never taken for there when they are damaged', async () => {
    const { written } = outcomeIn(out);
    for (const name of Object.keys(written)) {
      const copy = copied();
      const path = join(copy, name);
      const kind = /^(steps|events)/.test(name) ? 'logs' : 'results';
      const bytes = readFileSync(path);
      for (const damaged of [
        bytes.subarray(0, -1),
        bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
        new Uint8Array(),
      ]) {
        writeFileSync(path, damaged);
        await expect(lostOf('train', copy, written), name).rejects.toThrow(
          `train: ${path} is not as the run wrote it; ${kind === 'logs' ? 'restore it' : 'move it away'}`,
        );
      }
      rmSync(path);
      expect(await lostOf('train', copy, written)).toEqual({ results: [], logs: [], [kind]: [path] });
    }
  });

  test('are not said to be there where an earlier version did not note them', async () => {
    const copy = copied();
    const { outcome, ...begun } = JSON.parse(readFileSync(join(copy, 'run.json'), 'utf8'));
    const { written, ...noted } = outcome;
    writeFileSync(join(copy, 'run.json'), JSON.stringify({ ...begun, outcome: noted }));
    expect(await run('train', '--resume', copy)).toEqual({
      code: 0,
      out: `the run in ${copy} is complete, but an earlier version did not note its results, so they were not looked at\n`,
      error: '',
    });
  });

  test('are written again from the checkpoints, to the same bytes', async () => {
    const copy = copied();
    const { written } = outcomeIn(copy);
    const results = Object.keys(written).filter((name) => !/^(steps|events)/.test(name));
    const weights = results.find((name) => name.endsWith('.bin'))!;
    const before = readFileSync(join(copy, weights));
    for (const name of ['model', ...results.filter((one) => !one.startsWith('model/'))])
      rmSync(join(copy, name), { recursive: true });
    const { code, error, out: printed } = await run('train', '--resume', copy);
    expect(error).toBe(
      `train: ${join(copy, 'model/model.json')} and ${results.length - 1} more of the complete run are missing; the results are written again from the checkpoints.\n`.replace(
        'model/model.json',
        results[0]!,
      ),
    );
    expect([code, printed]).toEqual([0, expect.stringContaining(`wrote model/, history.json, `)]);
    const again = outcomeIn(copy).written;
    for (const name of results.filter((one) => !one.startsWith('model/')))
      expect(again[name], name).toBe(written[name]);
    const shard = readdirSync(join(copy, 'model')).find((name) => name.endsWith('.bin'))!;
    expect(readFileSync(join(copy, 'model', shard)).equals(before)).toBe(true);
    // The logs are as they were, and none is added.
    expect(Object.keys(again)).toHaveLength(Object.keys(written).length);
    expect(await run('train', '--resume', copy)).toEqual({
      code: 0,
      out: `the run in ${copy} is complete, and its results are there\n`,
      error: '',
    });
  });

  test('are missed in one sentence where nothing can write them again', async () => {
    const copy = copied();
    const steps = join(copy, 'steps.jsonl');
    rmSync(steps);
    const missing = `train: ${steps} of the complete run is missing, and only training writes it; restore it, or begin the run again with another --out.\n`;
    expect(await run('train', '--resume', copy)).toEqual({ code: 1, out: '', error: missing });
    // Also after what can be written has been.
    rmSync(join(copy, 'history.csv'));
    const written = await run('train', '--resume', copy);
    expect([written.code, written.error.endsWith(missing)]).toEqual([1, true]);
    expect((await run('train', '--resume', copy)).error).toBe(missing);

    rmSync(join(copy, 'checkpoints'), { recursive: true });
    rmSync(join(copy, 'history.csv'));
    expect(await run('train', '--resume', copy)).toEqual({
      code: 1,
      out: '',
      error: `train: ${join(copy, 'history.csv')} of the complete run is missing, and no checkpoint has the trained weights; restore what is missing, or begin the run again with --out ${copy}.\n`,
    });
    mkdirSync(join(copy, 'history.csv'));
    expect((await run('train', '--resume', copy)).error).toBe(
      `train: ${join(copy, 'history.csv')} is a folder, where the run has a file; move it away.\n`,
    );
  });
});
