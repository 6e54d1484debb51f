import { size } from '../../base/shapes.js';
import type { Checkpoint, WeightFormat } from '../formats/checkpoint.js';
import { printable, WeightFileError } from '../formats/error.js';
import type { StoredTensor } from '../formats/tensor.js';
import { epsilonsIn } from './epsilons.js';
import { partsOf } from './folded.js';
import { batchNormOf, varianceShift } from './network.js';
import type { KeyNames, Parameter, Parameters } from './parameters.js';
import type { Target } from './targets.js';

/** The result of loading: weights by the model's names, tensors by the file's. */
export interface LoadReport {
  /** The format of the file. */
  format: WeightFormat;
  /** The framework whose key names the file has. */
  names: KeyNames;
  /**
   * How tensors were matched to weights: as a VGG's weights (`'roles'`), by the names of the model's layers (`'names'`), or, where
   * file and model have the same kinds and shapes one after the other, by their order (`'order'`).
   */
  matched: 'roles' | 'names' | 'order';
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
  /**
   * State dicts of a PyTorch checkpoint that were left aside for the one that was loaded, such as its average `model_ema`; the
   * option `key` takes another.
   */
  leftAside: string[];
}

/** A weight that a model has or would have. */
export interface Place extends Pick<Target, 'epsilon'> {
  variable: { shape: readonly (number | null)[] };
}

/** A tensor of the file and the model's weight that it is loaded into. */
export interface Pair<T extends Place = Target> {
  parameter: Parameter;
  target: T;
  /** The file's epsilon minus the model's, if the weight is a running variance; otherwise 0. */
  addToVariance: number;
}

/** A report before anything is paired. */
export function emptyReport(
  { format, leftAside = [] }: Checkpoint,
  facts: Pick<LoadReport, 'names' | 'matched' | 'leftOver'> & Partial<Pick<LoadReport, 'leftOut'>>,
): LoadReport {
  const lists = { loaded: [], missing: [], mismatched: [], nonFinite: [], leftOut: [] };
  return { format, ...lists, leftAside: [...leftAside], ...facts };
}

/** Notes that the file has a weight of the model, with its shape there; returns whether it fits. */
export function reportFit(
  report: LoadReport,
  weight: string,
  fileShape: readonly number[],
  modelShape: readonly number[],
  isFit = fileShape.join() === modelShape.join(),
): boolean {
  if (isFit) report.loaded.push(weight);
  else report.mismatched.push({ weight, fileShape: [...fileShape], modelShape: [...modelShape] });
  return isFit;
}

/** Pairs tensors with weights before any numbers are read. */
export function matchUp<T extends Place>(
  checkpoint: Checkpoint,
  { names, parameters, head = [], others }: Parameters,
  targets: ReadonlyMap<string, T>,
  matched: LoadReport['matched'] = 'roles',
): { pairs: Pair<T>[]; report: LoadReport } {
  const pairs: Pair<T>[] = [];
  const leftOver = [...head, ...others].flatMap(namesIn);
  const report = emptyReport(checkpoint, { names, matched, leftOver });
  const { epsilon } = batchNormOf(checkpoint, names);
  const epsilons = epsilonsIn(checkpoint);
  // A Keras model with the very layers of the file is the file's own, and so is its epsilon where the file does not record it.
  const keepsVariance = matched !== 'roles' && names === 'keras';
  const missing = new Set(targets.keys());
  for (const parameter of parameters) {
    const { role, shape, tensor } = parameter;
    const target = targets.get(role);
    missing.delete(role);
    const modelShape = target?.variable.shape as number[] | undefined;
    if (!target || !modelShape) report.leftOver.push(...namesIn(tensor));
    else if (reportFit(report, role, shape, modelShape, fits(shape, modelShape))) {
      const own =
        parameter.epsilon ?? epsilons.get(layerOf(tensor)) ?? (keepsVariance ? target.epsilon : epsilon);
      const addToVariance = target.epsilon === undefined ? 0 : varianceShift(own!, target.epsilon);
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

/** Whether a weight has the model's shape, or that of the matrix which a hidden layer built as a convolution stands for. */
function fits(shape: readonly number[], modelShape: readonly number[]): boolean {
  if (shape.join() === modelShape.join()) return true;
  const matrix = [size(modelShape.slice(0, -1)), modelShape.at(-1)!];
  return shape.length === 2 && modelShape.length === 4 && shape.join() === matrix.join();
}

/** The names in the file of a tensor, or of those that it is computed from. */
export function namesIn(tensor: StoredTensor): string[] {
  return partsOf(tensor).map(({ name }) => name);
}

/** The layer of a tensor by Keras' names. */
function layerOf({ role, name }: StoredTensor): string {
  return (role ?? name).split('/').at(-2) ?? '';
}

/** Throws if a file has tensors that are no weights of the model that was built from it. */
function checkPlaced(file: string, leftOver: readonly string[]): void {
  if (leftOver.length === 0) return;
  throw new WeightFileError(
    file,
    `it does not fit the model (${list('the model lacks', leftOver.map(short))}); pass strict: false to leave them out.`,
  );
}

/**
 * Throws unless file and model have the same weights.
 *
 * @param remedy what to do where the model was built from the file, unless leaving out tensors is enough.
 * @param excused whether a weight of the model may be missing or have another shape.
 */
export function checkStrict(
  file: string,
  report: LoadReport,
  remedy?: string,
  excused: (weight: string) => boolean = () => false,
): void {
  const left = {
    ...report,
    missing: report.missing.filter((weight) => !excused(weight)),
    mismatched: report.mismatched.filter(({ weight }) => !excused(weight)),
  };
  const { missing, mismatched } = left;
  if (remedy !== undefined && missing.length === 0 && mismatched.length === 0) {
    checkPlaced(file, left.leftOver);
    return;
  }
  const differences = difference(left);
  if (differences === '') return;
  const advice = remedy ?? "build the file's network, or pass strict: false to load the weights that fit";
  throw new WeightFileError(file, `it does not fit the model${differences}; ${advice}.`);
}

function difference({ missing, leftOver, mismatched }: LoadReport): string {
  const parts = [
    list('the file lacks', missing.map(short)),
    list('the model lacks', leftOver.map(short)),
    list(
      'shapes differ in',
      mismatched.map(
        ({ weight, fileShape, modelShape }) =>
          `${short(weight)} ([${fileShape}] in the file, [${modelShape}] in the model)`,
      ),
    ),
  ].filter((part) => part !== '');
  return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}

/** The maximum number of names in an error message; the report has them all. */
const NAMED = 4;

/** The maximum length of a name; three lists of them stay below 500 characters in nearly all files. */
const NAME = 60;

function list(label: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${label} ${names.slice(0, NAMED).join(', ')}${more}`;
}

function short(name: string): string {
  return printable(name.length > NAME ? `${name.slice(0, NAME)}...` : name);
}
