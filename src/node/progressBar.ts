import type { TrainProgress } from '../train/index.js';
import { type BarStream, minutes, terminalBar } from './terminalBar.js';

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
  options: { stream?: BarStream; print?: (line: string) => void } = {},
): ProgressBar {
  const { stream = process.stderr, print = (line: string) => void process.stdout.write(`${line}\n`) } =
    options;
  const format =
    'epoch {epoch}/{epochs} [{bar}] {value}/{total}  loss {loss}  acc {acc}  {rate} examples/s  {left} left';
  const bar = terminalBar(stream, format, 74);
  let drawn: TrainProgress | undefined;
  const update = (progress: TrainProgress) => {
    drawn = progress;
    bar.update(progress.batch, progress.batches, payload(progress));
  };
  const stop = () => {
    bar.stop();
    drawn = undefined;
  };
  return {
    update,
    log(line) {
      const last = drawn;
      stop();
      print(line);
      if (last && last.batch < last.batches) update(last);
    },
    stop,
  };
}

function payload({ epoch, epochs, loss, accuracy, examplesPerSecond, secondsLeft }: TrainProgress) {
  return {
    epoch,
    epochs,
    loss: loss.toFixed(3),
    acc: accuracy.toFixed(3),
    rate: examplesPerSecond.toFixed(examplesPerSecond < 100 ? 1 : 0),
    left: minutes(secondsLeft),
  };
}
