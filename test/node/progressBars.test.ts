import { describe, expect, test, vi } from 'vitest';
import { countBar, progressBar } from '../../src/node/index.js';
import type { TrainProgress } from '../../src/train/index.js';

/** A terminal that records its output, and the line that a person would see. */
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

/** The line of a bar after its first update. */
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

  test('shows decimals for a slow run, minutes, and a question mark for an unknown time', () => {
    expect(drawn({ examplesPerSecond: 2.84, secondsLeft: 3661 })).toContain('2.8 examples/s  61:01 left');
    expect(drawn({ secondsLeft: Number.POSITIVE_INFINITY })).toMatch(/ \? left$/);
    expect(drawn({ secondsLeft: Number.NaN, loss: Number.NaN })).toMatch(/loss NaN .* \? left$/);
    expect(drawn({ secondsLeft: -0.4 })).toMatch(/ 0:00 left$/);
  });

  test('leaves room for the time left in 80 columns', () => {
    const line = drawn({ epoch: 12, epochs: 20, batch: 107, batches: 125, secondsLeft: 621 }, 80);
    expect(line).toBe('epoch 12/20 [=====-] 107/125  loss 0.412  acc 0.861  1423 examples/s  10:21 left');
  });

  test('is cut at the width of the terminal, so that it stays on one line', () => {
    expect(drawn({}, 40)).toBe('epoch 2/5 [===--] 31/62  loss 0.412  acc'.slice(0, 40));
  });

  test('prints a line above itself and is drawn again', () => {
    const stream = new Terminal();
    const printed: string[] = [];
    const bar = progressBar({ stream, print: (line) => void printed.push(line) });
    bar.update(progress());
    bar.log('hello');
    expect(printed).toEqual(['hello']);
    expect(stream.line).toContain('31/62');
    bar.stop();
  });

  test('disappears when the line of an epoch is printed, and returns with the next', () => {
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

  test('can be reused for another run', () => {
    const stream = new Terminal();
    const bar = progressBar({ stream });
    bar.update(progress());
    bar.stop();
    bar.update(progress({ batch: 1, batches: 4 }));
    expect(stream.line).toContain('[=====---------------] 1/4');
    bar.stop();
  });

  test('does not touch the cursor or line wrapping, so that a killed run leaves the terminal intact', () => {
    const stream = new Terminal();
    const bar = progressBar({ stream });
    bar.update(progress());
    bar.stop();
    expect(stream.written).not.toContain(`${ESC}[?25l`);
    expect(stream.written).not.toContain(`${ESC}[?7l`);
  });

  test('keeps no timer and no signal handler once stopped', () => {
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

test('draws nothing where the stream is not a terminal, but prints lines', () => {
  const stream = new Terminal({ isTTY: false });
  const printed: string[] = [];
  const bar = progressBar({ stream, print: (line) => void printed.push(line) });
  bar.update(progress());
  bar.log('epoch 1');
  bar.update(progress({ batch: 62 }));
  bar.stop();
  expect(stream.written).toBe('');
  expect(printed).toEqual(['epoch 1']);
});

describe('countBar', () => {
  test('shows the count, and the time left at the mean speed so far', () => {
    const stream = new Terminal();
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const bar = countBar({ label: 'reading', stream });
    bar.update({ done: 0, total: 8, unit: 'images' });
    expect(stream.line).toBe('reading [--------------------] 0/8 images  ? left');
    now.mockReturnValue(4000);
    const progress = { done: 2, total: 8, unit: 'images' } as const;
    bar.update(progress);
    bar.stop();
    expect(stream.line).toBe('');
    bar.update(progress);
    expect(stream.line).toBe('reading [=====---------------] 2/8 images  0:12 left');
    bar.stop();
    now.mockRestore();
  });

  test('shows bytes in MB', () => {
    const stream = new Terminal();
    const bar = countBar({ stream });
    bar.update({ done: 138_400_000, total: 553_000_000, unit: 'bytes' });
    expect(stream.line).toMatch(/^\[=====-+\] 138\/553 MB {2}\d+:\d\d left$/);
    bar.stop();
  });

  test('draws nothing where the stream is not a terminal', () => {
    const stream = new Terminal({ isTTY: false });
    const bar = countBar({ stream });
    bar.update({ done: 1, total: 2, unit: 'steps' });
    bar.stop();
    expect(stream.written).toBe('');
  });
});

test.each([Symbol('x'), undefined, 5])('a line that is no text is refused: %s', (line) => {
  const bar = progressBar({ stream: new Terminal() });
  expect(() => bar.log(line as never)).toThrow(`progressBar: line is ${String(line)}; it must be text.`);
});
