import { describe, expect, test, vi } from 'vitest';
import { countBar, progressBar } from '../../src/node/index.js';
import type { TrainProgress } from '../../src/train/index.js';

/** A terminal that keeps what is written, and the lines that a person would see on it. */
class Terminal {
  readonly isTTY: boolean;
  columns: number;
  written = '';

  constructor({ isTTY = true, columns = 120 } = {}) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write = (text: string): boolean => {
    this.written += text;
    return true;
  };

  /** The text after the last time that the cursor went to the start of a line. */
  get line(): string {
    const escapes = new RegExp(`${ESC}(\\[[0-9;?]*[A-Za-z]|[78])`, 'g');
    return this.written.slice(this.written.lastIndexOf(`${ESC}[1G`)).replace(escapes, '');
  }
}
const ESC = '\u001b';

const progress = (changes: Partial<TrainProgress> = {}): TrainProgress => ({
  done: 93,
  total: 310,
  unit: 'batches',
  epoch: 2,
  epochs: 5,
  batch: 31,
  batches: 62,
  loss: 0.41234,
  accuracy: 0.861,
  examplesPerSecond: 1423.4,
  secondsLeft: 21.2,
  ...changes,
});

/** What a bar draws at the first progress. */
function drawn(changes: Partial<TrainProgress>, columns?: number): string {
  const stream = new Terminal({ columns });
  const bar = progressBar({ stream });
  bar.update(progress(changes));
  const { line } = stream;
  bar.stop();
  return line;
}

describe('on a terminal', () => {
  test('shows epoch, batches, loss, accuracy, speed and the time left', () => {
    expect(drawn({})).toBe(
      'epoch 2/5 [==========----------] 31/62  loss 0.412  acc 0.861  1423 examples/s  0:21 left',
    );
  });

  test('shows decimals of a slow run, minutes, and a question mark for a time that nobody knows', () => {
    expect(drawn({ examplesPerSecond: 2.84, secondsLeft: 3661 })).toContain('2.8 examples/s  61:01 left');
    expect(drawn({ secondsLeft: Number.POSITIVE_INFINITY })).toMatch(/ \? left$/);
    expect(drawn({ secondsLeft: Number.NaN, loss: Number.NaN })).toMatch(/loss NaN .* \? left$/);
    expect(drawn({ secondsLeft: -0.4 })).toMatch(/ 0:00 left$/);
  });

  test('leaves room for the time left where there are 80 columns', () => {
    const line = drawn({ epoch: 12, epochs: 20, batch: 107, batches: 125, secondsLeft: 621 }, 80);
    expect(line).toBe('epoch 12/20 [=====-] 107/125  loss 0.412  acc 0.861  1423 examples/s  10:21 left');
  });

  test('is cut at the width of the terminal, so that no line is left behind', () => {
    expect(drawn({}, 40)).toBe('epoch 2/5 [===--] 31/62  loss 0.412  acc'.slice(0, 40));
  });

  test('prints a line above itself and is drawn again', () => {
    const stream = new Terminal();
    const printed: string[] = [];
    const bar = progressBar({ stream, print: (line) => printed.push(line) });
    bar.update(progress());
    bar.log('hello');
    expect(printed).toEqual(['hello']);
    expect(stream.line).toContain('31/62');
    bar.stop();
  });

  test('is gone after an epoch whose line is printed, and comes back with the next', () => {
    const stream = new Terminal();
    const bar = progressBar({ stream, print: () => {} });
    bar.update(progress({ batch: 62 }));
    bar.log('epoch 2: done');
    expect(stream.line).toBe('');
    bar.update(progress({ epoch: 3, batch: 1 }));
    expect(stream.line).toContain('epoch 3/5');
    bar.stop();
    expect(stream.line).toBe('');
  });

  test('serves another run with other batches', () => {
    const stream = new Terminal();
    const bar = progressBar({ stream });
    bar.update(progress());
    bar.stop();
    bar.update(progress({ batch: 1, batches: 4 }));
    expect(stream.line).toContain('[=====---------------] 1/4');
    bar.stop();
  });

  test('leaves the cursor and the wrapping of lines as they are, so that a killed run leaves a sound terminal', () => {
    const stream = new Terminal();
    const bar = progressBar({ stream });
    bar.update(progress());
    bar.stop();
    expect(stream.written).not.toContain(`${ESC}[?25l`);
    expect(stream.written).not.toContain(`${ESC}[?7l`);
  });

  test('once stopped, keeps no timer and no handler of signals', () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const signals = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
    const before = [timers(), signals()];
    const bar = progressBar({ stream: new Terminal() });
    bar.update(progress());
    expect(timers()).toBe(before[0]! + 1);
    bar.stop();
    bar.stop();
    expect([timers(), signals()]).toEqual(before);
  });
});

test('where the stream is no terminal nothing is drawn, and lines are printed all the same', () => {
  const stream = new Terminal({ isTTY: false });
  const printed: string[] = [];
  const bar = progressBar({ stream, print: (line) => printed.push(line) });
  bar.update(progress());
  bar.log('epoch 1');
  bar.update(progress({ batch: 62 }));
  bar.stop();
  expect(stream.written).toBe('');
  expect(printed).toEqual(['epoch 1']);
});

describe('countBar', () => {
  test('shows how many of how many, and the time left by the mean so far', () => {
    const stream = new Terminal();
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const bar = countBar('pictures', { stream });
    bar.update(0, 8);
    expect(stream.line).toBe('[--------------------] 0/8 pictures  ? left');
    now.mockReturnValue(4000);
    bar.update(2, 8);
    bar.stop();
    expect(stream.line).toBe('');
    bar.update(2, 8);
    expect(stream.line).toBe('[=====---------------] 2/8 pictures  0:12 left');
    bar.stop();
    now.mockRestore();
  });

  test('draws nothing where there is no terminal', () => {
    const stream = new Terminal({ isTTY: false });
    const bar = countBar('pictures', { stream });
    bar.update(1, 2);
    bar.stop();
    expect(stream.written).toBe('');
  });
});
