import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import {
  checkedTable,
  checkPreprocessing,
  type Preprocessing,
  preprocessingAt,
} from '../images/preprocessing.js';
import { inputShapeOf } from '../tfjs/models.js';
import type { Checkpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { MAX_NAME_LENGTH } from './formats/limits.js';
import { METADATA_KEY } from './formats/metadata.js';
import type { RecordedOptions } from './names/recorded.js';

/** What a model's weights do not say: how its images are prepared and what its classes are called. */
export interface ModelMetadata {
  /** The preprocessing that the weights were trained with. */
  preprocessing?: Preprocessing;
  /** One name per output, in order; two of a single output, which tells class 1 from class 0. */
  classNames?: readonly string[];
}

/**
 * Attaches preprocessing and class names to a model, in place of those it has. They are part of tfjs's user-defined metadata,
 * so `model.save` and `encodeWeights` store them, and `fromWeights` and `loadLayersModel` bring them back.
 *
 * @throws RangeError when a field is unknown or malformed, or the number of names is not that of the model's outputs.
 * @example setMetadata(model, { preprocessing: PLAIN_PREPROCESSING, classNames: ['cat', 'dog'] });
 */
export function setMetadata(model: LayersModel, metadata: ModelMetadata): void {
  checkArguments('setMetadata', { model }, { model: MODEL });

  const refuse = (sentence: string) => fail('setMetadata', sentence);
  const checked = checkMetadata(metadata, refuse);
  checkClassNames(model.outputs, checked, refuse);
  const { [METADATA_KEY]: old, ...others } = userDefined(model);
  const empty = Object.keys(checked).length === 0;
  if (empty && old === undefined) return;
  // A copy, because the caller may change the arrays.
  const copy = JSON.parse(JSON.stringify(checked));
  model.setUserDefinedMetadata(empty ? others : { ...others, [METADATA_KEY]: copy });
}

/**
 * The preprocessing and class names that a model carries; each is undefined if unknown.
 *
 * @throws RangeError when the model was loaded from a file in which they are damaged.
 */
export function metadataOf(model: LayersModel): ModelMetadata {
  checkArguments('metadataOf', { model }, { model: MODEL });

  const value = userDefined(model)[METADATA_KEY];
  return value === undefined
    ? {}
    : checkMetadata(value, (sentence) => fail('metadataOf', `the model's metadata is damaged: ${sentence}`));
}

/**
 * The preprocessing that was given, or else the one that the model carries, at the size of the model's input.
 *
 * @throws RangeError when neither exists.
 */
export function preprocessingFor(
  where: string,
  model: LayersModel,
  given: Preprocessing | undefined,
): Preprocessing {
  if (given !== undefined) {
    checkPreprocessing(given, (sentence) => fail(where, sentence));
    return given;
  }
  const { preprocessing } = metadataOf(model);
  if (!preprocessing) {
    fail(where, 'the model does not say how images are prepared for it; pass preprocessing.');
  }
  const [height, width] = inputShapeOf(model);
  return height && height === width ? preprocessingAt(preprocessing, height) : preprocessing;
}

/**
 * A model's metadata as the text that files contain, under its key; empty if it has none.
 *
 * @param network what a file without a configuration should say of the network; empty for nothing.
 */
export function metadataEntry(model: LayersModel, network: RecordedOptions = {}): Record<string, string> {
  const metadata = { ...metadataOf(model), ...(Object.keys(network).length > 0 && { network }) };
  return Object.keys(metadata).length > 0 ? { [METADATA_KEY]: JSON.stringify(metadata) } : {};
}

/**
 * The metadata of a weight file.
 *
 * @throws WeightFileError when it is damaged.
 */
export function metadataIn({ file, metadata }: Pick<Checkpoint, 'file' | 'metadata'>): ModelMetadata {
  if (metadata === undefined) return {};
  const refuse = refuseFile(file);
  if (typeof metadata !== 'string') return checkMetadata(metadata, refuse);
  let parsed: unknown;
  try {
    parsed = JSON.parse(metadata);
  } catch {
    return refuse('it is not JSON.');
  }
  // `names/recorded.ts` checks what is said of the network.
  return checkMetadata(parsed, refuse, ['network']);
}

/**
 * A file's metadata as far as it holds for a model built from it.
 *
 * @param outputs of the model.
 * @param ownOutputs whether they are the file's classes; otherwise their names are left out.
 * @throws WeightFileError when the number of names is not that of the outputs.
 */
export function metadataFor(
  file: string,
  outputs: readonly Output[],
  { classNames, ...metadata }: ModelMetadata,
  ownOutputs: boolean,
): ModelMetadata {
  const kept = ownOutputs && classNames ? { ...metadata, classNames } : metadata;
  checkClassNames(outputs, kept, refuseFile(file));
  return kept;
}

function refuseFile(file: string): (sentence: string) => never {
  return (sentence) => {
    throw new WeightFileError(
      file,
      `its metadata '${METADATA_KEY}' cannot be used: ${sentence.replace(/\.$/, '')}; save the file again, or remove this entry.`,
    );
  };
}

/** What a model puts out. */
interface Output {
  readonly shape: readonly (number | null)[];
}

/** Throws unless a model with class names has as many outputs. */
function checkClassNames(
  all: readonly Output[],
  { classNames }: ModelMetadata,
  refuse: (sentence: string) => never,
): void {
  const outputs = all[0]!.shape.at(-1);
  // One output tells two classes apart.
  const classes = outputs === 1 ? 2 : outputs;
  if (classNames && (classNames.length !== classes || all.length > 1)) {
    if (outputs === 1 && classNames.length === 1) {
      refuse(
        `there is only one class, ${shown(classNames[0])}, and one output tells two apart; add another.`,
      );
    }
    const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
    refuse(
      `the number of class names is ${classNames.length}, and the model has ${counted(Number(outputs), 'output')}${outputs === 1 ? ', which takes two' : ''}.`,
    );
  }
}

/** The maximum number of classes; ImageNet-21k has 21841. */
const MAX_CLASSES = 100_000;

/** Checks metadata from anywhere. Unknown fields are refused, because they may change what the known ones mean. */
function checkMetadata(
  value: unknown,
  refuse: (sentence: string) => never,
  others: readonly string[] = [],
): ModelMetadata {
  const { preprocessing, classNames } = checkedTable(
    'the metadata',
    value,
    ['preprocessing', 'classNames', ...others],
    refuse,
  );
  if (preprocessing !== undefined) checkPreprocessing(preprocessing, refuse);
  if (classNames !== undefined) checkNames(classNames, refuse);
  return {
    ...(preprocessing !== undefined && { preprocessing: preprocessing as Preprocessing }),
    ...(classNames !== undefined && { classNames: classNames as string[] }),
  };
}

/** Throws, by `refuse`, unless a value is the names of classes. */
export function checkNames(value: unknown, refuse: (sentence: string) => never): void {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CLASSES) {
    refuse(`classNames is ${shown(value)}; it must be a list of 1 to ${MAX_CLASSES} names.`);
  }
  const wrong = value.findIndex((name) => typeof name !== 'string' || name.length > MAX_NAME_LENGTH);
  if (wrong >= 0) {
    refuse(
      `class name ${wrong} is ${shown(value[wrong])}; it must be text of at most ${MAX_NAME_LENGTH} characters.`,
    );
  }
}

function userDefined(model: LayersModel): Record<string, unknown> {
  return Object(model.getUserDefinedMetadata());
}
