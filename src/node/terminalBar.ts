import type { WriteStream } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';

/** Where a bar is drawn: a terminal, or something that is none. */
export type BarStream = Pick<WriteStream, 'isTTY' | 'write'> & { columns?: number };

/** A bar on a terminal's last line. */
export interface TerminalBar {
  /** Draws it, again after `stop`. */
  update(value: number, total: number, payload: Record<string, unknown>): void;
  /** Takes it away. */
  stop(): void;
}

/** @param rest the most columns that the format takes besides the bar. */
export function terminalBar(stream: BarStream, format: string, rest: number): TerminalBar {
  if (!stream.isTTY) return { update() {}, stop() {} };
  const settings = {
    format,
    stream: stream as WriteStream,
    // The two settings that a process killed halfway would leave behind in the terminal.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
    // A terminal of 80 columns still shows what comes last.
    barsize: Math.min(20, Math.max(5, (stream.columns ?? 80) - rest)),
  };
  let bar: SingleBar | undefined;
  return {
    update(value, total, payload) {
      if (!bar) {
        bar = new SingleBar(settings, Presets.legacy);
        bar.start(total, value, payload);
      }
      bar.setTotal(total);
      bar.update(value, payload);
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** Seconds as minutes and seconds, 0:07; a question mark where nobody knows. */
export function minutes(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return Number.isFinite(whole) ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}` : '?';
}
