import type { WriteStream } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';
import type { TrainProgress } from '../train/index.js';

/** The terminal's progress bar of a training run. */
export interface ProgressBar {
  /** Draws how far the run is; pass it as `onProgress`. */
  update(progress: TrainProgress): void;
  /** Prints a line above the bar. */
  log(line: string): void;
  /** Takes the bar away; until then its timer keeps the process alive, so call it however the training ends. */
  stop(): void;
}

/**
 * A progress bar for `train`: epoch, batches, loss, accuracy, examples per second and time left. Where the stream is
 * no terminal, a log file say, there is no bar, and `log` prints lines all the same.
 *
 * @param options.stream default the standard error; lines that are logged go to the standard output.
 * @param options.print prints a line; default the standard output.
 * @example
 * const bar = progressBar();
 * try {
 *   await train(model, data, { onProgress: bar.update, onEpoch: (row) => bar.log(`epoch ${row.epoch}`) });
 * } finally {
 *   bar.stop();
 * }
 */
export function progressBar(
  options: {
    stream?: Pick<WriteStream, 'isTTY' | 'write'> & { columns?: number };
    print?: (line: string) => void;
  } = {},
): ProgressBar {
  const { stream = process.stderr, print = (line: string) => void process.stdout.write(`${line}\n`) } =
    options;
  if (!stream.isTTY) return { update() {}, log: print, stop() {} };
  const format =
    'epoch {epoch}/{epochs} [{bar}] {value}/{total}  loss {loss}  acc {acc}  {rate} examples/s  {left} left';
  const settings = {
    format,
    stream: stream as WriteStream,
    // The two settings that a process killed halfway would leave behind in the terminal.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
    // Everything else takes up to 74 columns: a terminal of 80 still shows the time left.
    barsize: Math.min(20, Math.max(5, (stream.columns ?? 80) - 74)),
  };
  let bar: SingleBar | undefined;
  let drawn: TrainProgress | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const update = (progress: TrainProgress) => {
    drawn = progress;
    if (!bar) {
      bar = new SingleBar(settings, Presets.legacy);
      bar.start(progress.batches, progress.batch, payload(progress));
    }
    bar.setTotal(progress.batches);
    bar.update(progress.batch, payload(progress));
  };
  return {
    update,
    log(line) {
      const going = bar && drawn && drawn.batch < drawn.batches;
      stop();
      print(line);
      if (going) update(drawn!);
    },
    stop,
  };
}

function payload({ epoch, epochs, loss, accuracy, examplesPerSecond, secondsLeft }: TrainProgress) {
  const seconds = Math.max(0, Math.round(secondsLeft));
  const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  return {
    epoch,
    epochs,
    loss: loss.toFixed(3),
    acc: accuracy.toFixed(3),
    rate: examplesPerSecond.toFixed(examplesPerSecond < 100 ? 1 : 0),
    left: Number.isFinite(seconds) ? left : '?',
  };
}
