import { type Advice, diagnosisText, type EpochRow, type History } from 'vgg-blocks/train';
import { complain } from './wording.js';

/** An epoch as a line of the log, and the reason if the network does not learn. */
export function epochLine(row: EpochRow, epochs: number): string {
  const accuracies = { train: row.trainAccuracy, validation: row.validationAccuracy, test: row.testAccuracy };
  const measured = Object.entries(accuracies)
    .filter(([, accuracy]) => accuracy !== null)
    .map(([set, accuracy]) => `, ${set} acc ${accuracy!.toFixed(3)}`);
  const isWorse = row.diagnosis && row.loss > 1.02 * row.diagnosis.chance;
  const diagnosis = row.diagnosis
    ? `\nThe loss is ${isWorse ? 'above' : 'still'} that of guessing. ${diagnosisText(row.diagnosis)}`
    : '';
  return `epoch ${String(row.epoch).padStart(String(epochs).length)}/${epochs}: loss ${row.loss.toFixed(3)}${measured.join('')}, ${row.examplesPerSecond.toFixed(1)} examples/s, ${row.seconds.toFixed(1)} s${diagnosis}`;
}

/** The same for a network of a file, which no option builds again: its advice is what else can be done. */
export function epochLineOfFile(row: EpochRow, epochs: number): string {
  const { diagnosis } = row;
  if (!diagnosis) return epochLine(row, epochs);
  const keeping = <T extends Advice>(one: T): T => ({ ...one, advice: one.adviceToKeep ?? one.advice });
  const findings = diagnosis.findings.map(keeping);
  return epochLine({ ...row, diagnosis: keeping({ ...diagnosis, findings }) }, epochs);
}

/** What happened to a run that diverged, as a clause. */
export function divergence({ epochs }: Pick<History, 'epochs'>, classes: number): string {
  const { loss } = epochs.at(-1)!;
  const chance = Math.log(classes);
  return Number.isFinite(loss) && loss > 0.98 * chance
    ? `the loss of the last epoch is ${loss.toPrecision(3)}, and that of guessing ${chance.toPrecision(3)}`
    : 'the loss or the weights are no longer finite numbers';
}

/** How a run ended, as the beginning of a sentence. */
export function verdict(history: Pick<History, 'ended' | 'epochs' | 'diagnosis'>, out: string): string {
  const { ended, epochs } = history;
  if (ended === 'diverged') return 'diverged';
  if (ended === 'aborted') return `stopped (go on with --resume ${out})`;
  const { testAccuracy } = epochs.at(-1)!;
  const nothing = history.diagnosis ? ', but the loss is still that of guessing' : '';
  return `done${nothing}${testAccuracy === null ? '' : `, test accuracy ${(100 * testAccuracy).toFixed(1)} %`}`;
}

/** Throws if the accuracy on held-out images is below the minimum. */
export function checkAccuracy(what: string, accuracy: number | null, minimum: number | undefined): void {
  const reached = accuracy ?? 0;
  if (minimum !== undefined && !(reached >= minimum)) {
    throw new Error(`${what} accuracy ${reached.toFixed(4)} is below --min-accuracy ${minimum}.`);
  }
}

/** Reports what was left out, files that are not images and folders that cannot be read among it; the command fails in the end. */
export function reportLeftOut(command: string, count: number): void {
  if (count === 0) return;
  complain(`${command}: ${count} ${count === 1 ? 'file or folder was' : 'files or folders were'} left out.`);
  process.exitCode ??= 1;
}
