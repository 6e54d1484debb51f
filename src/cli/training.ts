import type { EpochRow } from 'vgg-blocks/train';

/** An epoch as a line of the log; `test` names the set that its accuracy was measured on. */
export function epochLine(row: EpochRow, epochs: number, test = 'test'): string {
  const tested = row.testAccuracy === null ? '' : `, ${test} acc ${row.testAccuracy.toFixed(3)}`;
  return `epoch ${String(row.epoch).padStart(String(epochs).length)}/${epochs}: loss ${row.loss.toFixed(3)}, train acc ${row.trainAccuracy.toFixed(3)}${tested}, ${row.examplesPerSecond.toFixed(1)} examples/s, ${row.seconds.toFixed(1)} s`;
}

/** Throws if the accuracy on held-out images is below the minimum. */
export function checkAccuracy(what: string, accuracy: number | null, minimum: number | undefined): void {
  const reached = accuracy ?? 0;
  if (minimum !== undefined && !(reached >= minimum)) {
    throw new Error(`${what} accuracy ${reached.toFixed(4)} is below --min-accuracy ${minimum}.`);
  }
}

/** The first Ctrl-C stops after the current batch or step, so that the result so far is written; the second kills the process. */
export function stopOnInterrupt() {
  const controller = new AbortController();
  const onInterrupt = () => {
    controller.abort();
    process.off('SIGINT', onInterrupt);
  };
  process.on('SIGINT', onInterrupt);
  return { signal: controller.signal, forget: () => void process.off('SIGINT', onInterrupt) };
}
