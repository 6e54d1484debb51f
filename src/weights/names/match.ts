import type { Checkpoint, WeightFormat } from '../formats/checkpoint.js';
import { printable, WeightFileError } from '../formats/error.js';
import { batchNormOf, varianceShift } from './network.js';
import type { KeyNames, Parameter, Parameters } from './parameters.js';
import type { Target } from './targets.js';

/** The result of loading: weights by the model's names, tensors by the file's. */
export interface LoadReport {
  /** The format of the file. */
  format: WeightFormat;
  /** The framework whose key names the file has. */
  names: KeyNames;
  /** The model's weights that came from the file. */
  loaded: string[];
  /** The model's weights that the file does not have. */
  missing: string[];
  /** The file's tensors that are not weights of the model. */
  leftOver: string[];
  /** Weights whose shape in the file differs from the model's, in tfjs's order of axes. */
  mismatched: { weight: string; fileShape: number[]; modelShape: number[] }[];
  /** Loaded weights with NaN or infinite numbers, and how many. */
  nonFinite: { weight: string; count: number }[];
  /** Layers of the file's configuration that do nothing in prediction, such as augmentation; the model lacks them. */
  leftOut: string[];
}

/** A tensor of the file and the model's weight that it is loaded into. */
export interface Pair {
  parameter: Parameter;
  target: Target;
  /** The file's epsilon minus the model's, if the weight is a running variance; otherwise 0. */
  addToVariance: number;
}

/** Pairs tensors with weights before any numbers are read. */
export function matchUp(
  checkpoint: Checkpoint,
  { names, parameters, others }: Parameters,
  targets: ReadonlyMap<string, Target>,
): { pairs: Pair[]; report: LoadReport } {
  const pairs: Pair[] = [];
  const report: LoadReport = {
    format: checkpoint.format,
    names,
    loaded: [],
    missing: [],
    leftOver: others.map(({ name }) => name),
    mismatched: [],
    nonFinite: [],
    leftOut: [],
  };
  const { epsilon } = batchNormOf(checkpoint, names);
  const missing = new Set(targets.keys());
  for (const parameter of parameters) {
    const { role, shape, tensor } = parameter;
    const target = targets.get(role);
    missing.delete(role);
    const modelShape = target?.variable.shape as number[] | undefined;
    if (!target || !modelShape) report.leftOver.push(tensor.name);
    else if (shape.join() !== modelShape.join()) {
      report.mismatched.push({ weight: role, fileShape: [...shape], modelShape: [...modelShape] });
    } else {
      report.loaded.push(role);
      const addToVariance = target.epsilon === undefined ? 0 : varianceShift(epsilon, target.epsilon);
      pairs.push({ parameter, target, addToVariance });
    }
  }
  report.missing.push(...missing);
  if (pairs.length === 0) {
    throw new WeightFileError(
      checkpoint.file,
      `none of its tensors fits the model${difference(report)}; nothing was loaded.`,
    );
  }
  return { pairs, report };
}

/**
 * Throws unless file and model have the same weights.
 *
 * @param excused whether a weight of the model may be missing or have another shape.
 */
export function checkStrict(
  file: string,
  report: LoadReport,
  excused: (weight: string) => boolean = () => false,
): void {
  const left = {
    ...report,
    missing: report.missing.filter((weight) => !excused(weight)),
    mismatched: report.mismatched.filter(({ weight }) => !excused(weight)),
  };
  const differences = difference(left);
  if (differences === '') return;
  throw new WeightFileError(
    file,
    `it does not fit the model${differences}; build the file's network, or pass strict: false to load the weights that fit.`,
  );
}

function difference({ missing, leftOver, mismatched }: LoadReport): string {
  const parts = [
    list('the file lacks', missing),
    list('the model lacks', leftOver.map(printable)),
    list(
      'shapes differ in',
      mismatched.map(
        ({ weight, fileShape, modelShape }) =>
          `${weight} ([${fileShape}] in the file, [${modelShape}] in the model)`,
      ),
    ),
  ].filter((part) => part !== '');
  return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}

/** The maximum number of names in an error message; the report has them all. */
const NAMED = 4;

function list(label: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${label} ${names.slice(0, NAMED).join(', ')}${more}`;
}
