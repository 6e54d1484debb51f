import { markdownTable } from '../src/figures/table.js';
import { type Figure, figureOf, withSpread } from './figure.js';
import type { Measurement, Spec } from './spec.js';

/** The measured quantities, in the order of the table. */
export const MEASURES = {
  inference: { title: 'inference', unit: 'examples/s', better: 'more' },
  training: { title: 'training', unit: 'examples/s', better: 'more' },
  first: { title: 'file to first prediction', unit: 'ms', better: 'less' },
  build: { title: 'building with random weights', unit: 'ms', better: 'less' },
  inferencePeak: { title: 'memory, loading and inference', unit: 'MiB', better: 'less' },
  trainingPeak: { title: 'memory, building and training', unit: 'MiB', better: 'less' },
} as const;
export type Measure = keyof typeof MEASURES;

/** The results of one implementation. */
export interface ImplementationResults {
  name: string;
  ours: boolean;
  /** Versions and the adapter. */
  about?: string;
  figures: Partial<Record<Measure, Figure>>;
  /** Why training failed, where the implementation is available and cannot train. */
  cannotTrain?: string;
  /** Why figures are missing. */
  notes: string[];
  /** The first logits, which are compared between the implementations. */
  logits?: number[];
}

/** The results of a run of the benchmark. */
export interface Results {
  title: string;
  network: Omit<Spec, 'folder' | 'software'>;
  /** `load` is the load average at the end. If it exceeds the cores, wall times are unreliable. */
  machine: { cpu: string; cores: number; node: string; load: number };
  rounds: number;
  implementations: ImplementationResults[];
}

/** The figures of an implementation over all of its processes. */
export function summarize(
  name: string,
  ours: boolean,
  measurements: readonly Measurement[],
  batchSize: number,
): ImplementationResults {
  const figure = (of: (one: Measurement) => number | readonly number[] | undefined) => {
    const values = measurements.flatMap((one) => of(one) ?? []);
    return values.length > 0 ? figureOf(values) : undefined;
  };
  const rates = (runs: Measurement['training']) =>
    Array.isArray(runs) ? runs.map((ms) => (1000 * batchSize) / ms) : [];
  const figures: ImplementationResults['figures'] = {
    inference: figure(({ inference }) => rates(inference)),
    training: figure(({ training }) => rates(training)),
    first: figure(({ load, first }) => (first === undefined ? undefined : load! + first)),
    build: figure(({ build }) => build),
    inferencePeak: figure(({ inference, peak }) => (inference && peak ? peak : undefined)),
    trainingPeak: figure(({ training, peak }) => (Array.isArray(training) && peak ? peak : undefined)),
  };
  const failed = measurements.flatMap(({ training }) =>
    training && !Array.isArray(training) ? [training.error] : [],
  );
  const notes = new Set([...measurements.flatMap(({ absent }) => absent ?? []), ...failed]);
  const about = measurements.find((one) => one.about)?.about;
  const logits = measurements.find((one) => one.logits)?.logits;
  return { name, ours, about, figures, cannotTrain: failed[0], notes: [...notes], logits };
}

/** The greatest difference between the logits and those of the first implementation, as a fraction of the largest. */
export function differenceOf(
  { logits }: ImplementationResults,
  { implementations }: Results,
): number | undefined {
  const expected = implementations.find((one) => one.logits)?.logits;
  if (!logits || !expected) return undefined;
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...logits.map((value, i) => Math.abs(value - expected[i]!))) / largest;
}

/** The clock, the threads and the machine of the figures. */
export function circumstances({ network, machine }: Results): string {
  const threads = network.threads === 1 ? 'one thread' : `${network.threads} threads`;
  const time = network.clock === 'wall' ? '' : 'processor time, ';
  return `${time}${threads} of ${machine.cpu} (${machine.cores} cores), Node ${machine.node}`;
}

/** The results as a Markdown table, with notes on what is missing. */
export function tableOf(results: Results): string {
  const { title, rounds, implementations } = results;
  const measures = Object.keys(MEASURES) as Measure[];
  const measured = implementations.filter(({ figures }) => Object.values(figures).some((figure) => figure));
  return [
    `${title}; ${circumstances(results)}; median (minimum to maximum) of ${rounds} processes per measurement`,
    '',
    markdownTable([
      [
        '',
        ...measures.map((measure) => `${MEASURES[measure].title}, ${MEASURES[measure].unit}`),
        'logits differ by',
      ],
      ...measured.map((one) => [
        one.name,
        ...measures.map((measure) => {
          const figure = one.figures[measure];
          return figure ? withSpread(figure) : '-';
        }),
        differenceOf(one, results)?.toExponential(0) ?? '-',
      ]),
    ]),
    ...implementations.flatMap(({ name, notes }) => notes.map((note) => `\n${name}: ${note}`)),
  ].join('\n');
}
