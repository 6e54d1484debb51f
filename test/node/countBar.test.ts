import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { countBar } from '../../src/node/index.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A stream that remembers what was written. */
function terminal(isTTY: boolean) {
  const written: string[] = [];
  const write = (text: string | Uint8Array) => Boolean(written.push(String(text)));
  // The part of a terminal that cli-progress moves its cursor by.
  const moves = { cursorTo() {}, clearLine() {}, moveCursor() {} };
  return { stream: { isTTY, write, columns: 80, ...moves }, text: () => written.join('') };
}

test('draws how far it is, and lines above', () => {
  const { stream, text } = terminal(true);
  const bar = countBar('reading pictures', { stream });
  bar.update({ done: 3, total: 12 });
  bar.log('a.png could not be read');
  vi.advanceTimersByTime(500);
  bar.update({ done: 12, total: 12 });
  bar.stop();
  bar.stop();
  expect(text()).toContain('reading pictures [');
  expect(text()).toContain('3/12');
  expect(text()).toContain('12/12');
  expect(text()).toContain('a.png could not be read\n');
  expect(vi.getTimerCount()).toBe(0);
});

test('where the stream is no terminal there are only the lines', () => {
  const { stream, text } = terminal(false);
  const bar = countBar('reading pictures', { stream });
  bar.update({ done: 3, total: 12 });
  bar.log('a.png could not be read');
  bar.stop();
  expect(text()).toBe('a.png could not be read\n');
});
