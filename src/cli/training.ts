import type { EpochRow } from 'vgg-blocks/train';

/** An epoch as a line of the log; `test` is what the pictures are called that were not trained on. */
export function epochLine(row: EpochRow, epochs: number, test = 'test'): string {
  const tested = row.testAccuracy === null ? '' : `, ${test} acc ${row.testAccuracy.toFixed(3)}`;
  return `epoch ${String(row.epoch).padStart(String(epochs).length)}/${epochs}: loss ${row.loss.toFixed(3)}, train acc ${row.trainAccuracy.toFixed(3)}${tested}, ${row.examplesPerSecond.toFixed(1)} examples/s, ${row.seconds.toFixed(1)} s`;
}

/** Throws when the accuracy on pictures that were not trained on is below what is asked for. */
export function checkAccuracy(what: string, accuracy: number | null, least: number | undefined): void {
  const reached = accuracy ?? 0;
  if (least !== undefined && !(reached >= least)) {
    throw new Error(
      `${what} accuracy ${reached.toFixed(4)} is below ${least}, which --min-accuracy asks for.`,
    );
  }
}

/** The first Ctrl-C stops after the batch that is running, so that what was learned is written; the second ends at once. */
export function stopOnInterrupt() {
  const controller = new AbortController();
  const onInterrupt = () => {
    controller.abort();
    process.off('SIGINT', onInterrupt);
  };
  process.on('SIGINT', onInterrupt);
  return { signal: controller.signal, forget: () => void process.off('SIGINT', onInterrupt) };
}
