import { median } from '../src/base/numbers.js';
import { markdownTable } from '../src/figures/table.js';
import type { Found, Spec } from './spec.js';

/** A figure with its spread over all processes. */
export interface Figure {
  median: number;
  least: number;
  most: number;
}

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

/** What a side was measured at. */
export interface SideResults {
  name: string;
  ours: boolean;
  /** Versions, the adapter. */
  about?: string;
  figures: Partial<Record<Measure, Figure>>;
  /** Why training failed, where it is there and cannot. */
  cannotTrain?: string;
  /** Why figures are not there. */
  notes: string[];
  /** The first logits, by which sides are held against each other. */
  logits?: number[];
}

/** All that a run of the benchmark found. */
export interface Results {
  title: string;
  network: Omit<Spec, 'folder' | 'software'>;
  /** `load` is how many processes wanted to run in the end; more than the cores, and the clock's times are worth little. */
  machine: { cpu: string; cores: number; node: string; load: number };
  rounds: number;
  sides: SideResults[];
}

/** The figures of a side from what its processes found. */
export function summarize(
  name: string,
  ours: boolean,
  found: readonly Found[],
  batchSize: number,
): SideResults {
  const numbers = (of: (one: Found) => number | undefined) =>
    figureOf(found.map(of).filter((one) => one !== undefined));
  const rates = (runs: Found['training']) =>
    Array.isArray(runs) ? runs.map((ms) => (1000 * batchSize) / ms) : [];
  const figures: SideResults['figures'] = {
    inference: figureOf(found.flatMap(({ inference }) => rates(inference))),
    training: figureOf(found.flatMap(({ training }) => rates(training))),
    first: numbers(({ load, first }) => (first === undefined ? undefined : load! + first)),
    build: numbers(({ build }) => build),
    inferencePeak: numbers(({ inference, peak }) => (inference && peak ? peak : undefined)),
    trainingPeak: numbers(({ training, peak }) => (Array.isArray(training) && peak ? peak : undefined)),
  };
  const failed = found.flatMap(({ training }) =>
    training && !Array.isArray(training) ? [training.error] : [],
  );
  const notes = new Set([...found.flatMap(({ absent }) => absent ?? []), ...failed]);
  const about = found.find((one) => one.about)?.about;
  const logits = found.find((one) => one.logits)?.logits;
  return { name, ours, about, figures, cannotTrain: failed[0], notes: [...notes], logits };
}

function figureOf(values: readonly number[]): Figure | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** The greatest difference of a side's first logits from the first side's, as a share of the largest. */
export function differenceOf({ logits }: SideResults, { sides }: Results): number | undefined {
  const expected = sides.find((side) => side.logits)?.logits;
  if (!logits || !expected) return undefined;
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...logits.map((value, i) => Math.abs(value - expected[i]!))) / largest;
}

/** Three digits that mean something. */
export function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

/** What the figures hold for. */
export function circumstances({ network, machine }: Results): string {
  const threads = network.threads === 1 ? 'one thread' : `${network.threads} threads`;
  const time = network.clock === 'wall' ? '' : "the processor's time, ";
  return `${time}${threads} of ${machine.cpu} (${machine.cores} cores), Node ${machine.node}`;
}

/** The results as a table of Markdown, and what is missing below it. */
export function tableOf(results: Results): string {
  const { title, rounds, sides } = results;
  const cell = (figure: Figure | undefined) =>
    figure ? `${shown(figure.median)} (${shown(figure.least)} to ${shown(figure.most)})` : '-';
  const measures = Object.keys(MEASURES) as Measure[];
  const here = sides.filter(({ figures }) => Object.values(figures).some((figure) => figure));
  return [
    `${title}; ${circumstances(results)}; median (least to most) of ${rounds} processes a part`,
    '',
    markdownTable([
      [
        '',
        ...measures.map((measure) => `${MEASURES[measure].title}, ${MEASURES[measure].unit}`),
        'logits differ by',
      ],
      ...here.map((side) => [
        side.name,
        ...measures.map((measure) => cell(side.figures[measure])),
        differenceOf(side, results)?.toExponential(0) ?? '-',
      ]),
    ]),
    ...sides.flatMap(({ name, notes }) => notes.map((note) => `\n${name}: ${note}`)),
  ].join('\n');
}
