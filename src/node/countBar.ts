import { type BarStream, minutes, terminalBar } from './terminalBar.js';

/** The terminal's progress bar of so many things that are done one after the other. */
export interface CountBar {
  /** Draws how many are done, again after `stop`. */
  update(done: number, total: number): void;
  /**
   * Takes the bar away, for a line to be printed, say. Until then its timer keeps the process alive, so call it however
   * the work ends.
   */
  stop(): void;
}

/**
 * A progress bar that counts: how many of how many, and the time left by the mean so far. Where the stream is no terminal
 * there is none.
 *
 * @param unit what is counted, e.g. `'pictures'`.
 * @param options `stream` is where it is drawn, default the standard error.
 */
export function countBar(unit: string, options: { stream?: BarStream } = {}): CountBar {
  const { stream = process.stderr } = options;
  const format = `[{bar}] {value}/{total} ${unit}  {left} left`;
  const bar = terminalBar(stream, format, 32 + unit.length);
  const start = performance.now();
  return {
    update(done, total) {
      const each = (performance.now() - start) / done / 1000;
      bar.update(done, total, { left: minutes(done > 0 ? each * (total - done) : Number.POSITIVE_INFINITY) });
    },
    stop: bar.stop,
  };
}
