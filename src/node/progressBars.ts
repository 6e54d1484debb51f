import { Presets, SingleBar } from 'cli-progress';
import {
  checkArguments,
  FUNCTION,
  kind,
  NUMBER,
  optional,
  optionsOf,
  recordOf,
  STRING,
} from '../base/arguments.js';
import type { Progress } from '../base/progress.js';
import type { TrainProgress } from '../train/index.js';

const STREAM = kind('a stream, such as process.stderr', (value) => {
  const { write, columns = 0 } = value as BarStream;
  return FUNCTION.holds(write) && NUMBER.holds(columns);
});
const PROGRESS = recordOf('progress as { done, total, unit }', {
  done: NUMBER,
  total: optional(NUMBER),
  unit: STRING,
});
const RUN_PROGRESS = recordOf("train's progress", {
  ...{ epoch: NUMBER, epochs: NUMBER, batch: NUMBER, batches: NUMBER },
  ...{ loss: NUMBER, accuracy: NUMBER, examplesPerSecond: NUMBER, secondsLeft: NUMBER },
});

/** Where a bar is drawn, such as `process.stderr`; nothing is drawn unless it is a terminal. */
export interface BarStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** A progress bar on the terminal's last line. */
export interface CountBar {
  /** Draws the progress, again after `stop`; pass it as `onProgress`. */
  update(progress: Progress): void;
  /**
   * Removes the bar, for instance before a line is printed. Its timer keeps the process alive until then, so call this
   * however the work ends.
   */
  stop(): void;
}

/**
 * A progress bar for any `onProgress` of the library: the count, the total, and the time left at the mean speed so far.
 *
 * @param options `label` is printed before the bar, e.g. `'downloading'`; `stream` defaults to standard error.
 * @example
 * const bar = countBar({ label: 'reading' });
 * const folder = await imageFolder('pets', { onProgress: bar.update }).finally(bar.stop);
 */
export function countBar(options: { label?: string; stream?: BarStream } = {}): CountBar {
  optionsOf('countBar', options, { label: STRING, stream: STREAM });

  const { label = '', stream = process.stderr } = options;
  const format = `${label && `${label} `}[{bar}] {count} {unit}  {left} left`;
  const bar = terminalBar(stream, format, 40 + label.length);
  const start = performance.now();
  return {
    update(progress) {
      checkArguments('countBar', { progress }, { progress: PROGRESS });
      const { done, total = done, unit } = progress;
      const secondsEach = (performance.now() - start) / done / 1000;
      const left = minutes(done > 0 ? secondsEach * (total - done) : Number.POSITIVE_INFINITY);
      const shown = (n: number) => (unit === 'bytes' ? Math.round(n / 1e6) : n);
      const count = `${shown(done)}/${shown(total)}`;
      bar.update(done, total, { count, unit: unit === 'bytes' ? 'MB' : unit, left });
    },
    stop: bar.stop,
  };
}

/** The progress bar of a training run. */
export interface ProgressBar {
  /** Draws the progress of the run; pass it as `onProgress`. */
  update(progress: TrainProgress): void;
  /** Prints a line above the bar; returns what `print` does. */
  log(line: string): void | Promise<void>;
  /** Removes the bar. Its timer keeps the process alive until then, so call this however the training ends. */
  stop(): void;
}

/**
 * A progress bar for `train`: epoch, batches, loss, accuracy, examples per second and time left. If the stream is not a
 * terminal (such as a log file), nothing is drawn, but `log` still prints its lines.
 *
 * @param options `stream` is where the bar is drawn, by default standard error; `print` prints the logged lines, by
 *   default to standard output.
 * @example
 * const bar = progressBar();
 * try {
 *   await train(model, data, { onProgress: bar.update, onEpoch: (row) => bar.log(`epoch ${row.epoch}`) });
 * } finally {
 *   bar.stop();
 * }
 */
export function progressBar(
  options: { stream?: BarStream; print?: (line: string) => void | Promise<void> } = {},
): ProgressBar {
  optionsOf('progressBar', options, { stream: STREAM, print: FUNCTION });

  const { stream = process.stderr, print = (line: string) => void process.stdout.write(`${line}\n`) } =
    options;
  const format =
    'epoch {epoch}/{epochs} [{bar}] {value}/{total}  loss {loss}  acc {acc}  {rate} examples/s  {left} left';
  const bar = terminalBar(stream, format, 74);
  let drawn: TrainProgress | undefined;
  const update = (progress: TrainProgress) => {
    checkArguments('progressBar', { progress }, { progress: RUN_PROGRESS });
    drawn = progress;
    const { epoch, epochs, batch, batches, loss, accuracy, examplesPerSecond, secondsLeft } = progress;
    bar.update(batch, batches, {
      epoch,
      epochs,
      loss: loss.toFixed(3),
      acc: accuracy.toFixed(3),
      rate: examplesPerSecond.toFixed(examplesPerSecond < 100 ? 1 : 0),
      left: minutes(secondsLeft),
    });
  };
  const stop = () => {
    bar.stop();
    drawn = undefined;
  };
  return {
    update,
    log(line) {
      checkArguments('progressBar', { line }, { line: STRING });
      const last = drawn;
      stop();
      const printed = print(line);
      if (last && last.batch < last.batches) update(last);
      return printed;
    },
    stop,
  };
}

/** @param rest the maximum number of columns besides the bar. */
function terminalBar(stream: BarStream, format: string, rest: number) {
  let bar: SingleBar | undefined;
  const settings = {
    format,
    stream: stream as NodeJS.WritableStream,
    // A killed process would leave these two settings behind in the terminal.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
    // In 80 columns the end of the line is still visible.
    barsize: Math.min(20, Math.max(5, (stream.columns ?? 80) - rest)),
  };
  return {
    update(value: number, total: number, payload: Record<string, unknown>): void {
      if (!stream.isTTY) return;
      if (!bar) {
        bar = new SingleBar(settings, Presets.legacy);
        bar.start(total, value, payload);
      }
      bar.setTotal(total);
      bar.update(value, payload);
    },
    stop(): void {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** Seconds as minutes and seconds, 0:07, or a question mark if unknown. */
function minutes(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return Number.isFinite(whole) ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}` : '?';
}
