import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  COUNT,
  checkArguments,
  FUNCTION,
  MODEL,
  optional,
  optionsOf,
  plainObject,
  recordOf,
  SEQUENCE,
  STRING,
  TEXTS,
  withFields,
} from '../base/arguments.js';
import { breathing } from '../base/breathing.js';
import { fail, shown, wholeNumber } from '../base/check.js';
import { oneByOne } from '../base/oneByOne.js';
import { printedValue } from '../base/printable.js';
import type { Progress } from '../base/progress.js';
import { isError, messageOf } from '../base/realm.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { type ImageInput, toRgb } from '../images/pixels.js';
import { type Preprocessing, preprocessingArgument } from '../images/preprocessing.js';
import { inUse } from '../tfjs/inUse.js';
import { disposeWithin } from './batch.js';
import { checkWeights, overflow } from './finite.js';
import { type Evaluation, Metrics } from './metrics.js';
import { objectiveOf } from './objective.js';
import { VIEW_OPTIONS, type ViewOptions, viewerOf } from './views.js';

/** Labeled images of any size: an `ImageFileSet` of `vgg-blocks/data`, or an object of your own. */
export interface LabeledOriginals {
  /** Number of images; `originals` may leave out those that it cannot read. */
  readonly length: number;
  /** Preprocessing of the model's weights. */
  readonly preprocessing: Preprocessing;
  /** Names of the classes, if known. */
  readonly classNames?: readonly string[];
  /** Each image as it was taken, neither resized nor cropped, with its class; `path` names it in messages. */
  originals(): Iterable<LabeledOriginal> | AsyncIterable<LabeledOriginal>;
}

/** One of {@link LabeledOriginals}. */
export interface LabeledOriginal {
  image: ImageInput;
  /** From 0 to classes - 1. */
  label: number;
  path?: string;
}

/** Options of {@link evaluateImages}. */
export interface EvaluateImagesOptions extends ViewOptions {
  /** Squares that run at once. Default 32. Images as a whole run one at a time. */
  batchSize?: number;
  /** Called for an image that cannot be read or is too large, which is then left out. Default: its error is thrown. */
  onProblem?: (problem: { path: string; reason: string }) => void;
  /** Called after each image; counts `'images'`. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops after the current image, or while the next one does not come: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Measures a classifier as Simonyan & Zisserman (2014) did: each image is classified by the mean of its class probabilities over
 * views, the whole image (`dense`), squares of it (`crops`), or both, at several `scales`. What is returned is what `evaluate`
 * returns, and with none of these options the numbers are its, too.
 *
 * @throws RangeError when an option is out of range, the model does not fit the preprocessing, a label is not the index of a class, or
 *   an image is too large and there is no `onProblem`.
 * @example
 * const { validationSet } = await imageFolder('imagenet/val', { preprocessing, validationFraction: 1, maxBytes: 0 });
 * const { accuracy } = await evaluateImages(model, validationSet, { dense: true, scales: [256, 384, 512] });
 */
export function evaluateImages(
  model: LayersModel,
  images: LabeledOriginals,
  options: EvaluateImagesOptions = {},
): Promise<Evaluation> {
  return inUse('evaluateImages', { model }, () => evaluatedImages(model, images, options));
}

async function evaluatedImages(
  model: LayersModel,
  images: LabeledOriginals,
  options: EvaluateImagesOptions,
): Promise<Evaluation> {
  const where = 'evaluateImages';
  checkArguments(where, { model, images }, { model: MODEL, images: ORIGINALS });
  optionsOf(where, options, { ...VIEW_OPTIONS, batchSize: 1, onProblem: 1, onProgress: 1, signal: 1 });
  const { batchSize = 32, onProblem, onProgress, signal } = options;
  wholeNumber(where, 'batchSize', batchSize);
  preprocessingArgument(where, images.preprocessing);

  const { classes } = objectiveOf(where, model);
  if ((images.classNames?.length ?? 0) > classes) {
    fail(
      where,
      `the images have ${images.classNames!.length} classes, but the model has ${classes}; pass images of its classes.`,
    );
  }
  await checkWeights(where, model);
  const viewer = viewerOf(where, model, images.preprocessing, options, batchSize);
  // A softmax in single precision returns zeros; their bound is that of `evaluate`.
  const least = viewer.outputs.activation ? 1e-7 : Number.MIN_VALUE;
  const metrics = new Metrics(classes, images.classNames);
  const breathe = breathing();
  let done = 0;
  try {
    const originals = images.originals();
    if (!SEQUENCE.holds(originals)) disposeWithin(originals);
    checkArguments(where, { originals }, { originals: SEQUENCE });
    const taken = { of: 'originals()', items: 'images', signal };
    for await (const original of oneByOne(where, originals, taken)) {
      checkArguments(where, { original }, { original: ORIGINAL });
      const { image, label, path } = original;
      checkArguments(where, { 'path of an image': path }, { 'path of an image': optional(STRING) });
      if (done === images.length) {
        fail(
          where,
          `originals() returned more images than the length of ${images.length}; correct the length.`,
        );
      }
      const name = path || `image ${done}`;
      if (!Number.isInteger(label) || label < 0 || label >= classes) {
        fail(
          where,
          `${name} has the label ${shown(label)}, but the model has ${classes} classes; labels must be from 0 to ${classes - 1}.`,
        );
      }
      const who = onProblem ? printedValue(name) : where;
      let found: Float64Array | undefined;
      try {
        found = await viewer.probabilitiesOf(await toRgb(image, who), who);
      } catch (error) {
        if (!onProblem || !isOfImage(error, who)) throw error;
        await unlessAborted(signal, () => onProblem({ path: name, reason: messageOf(error) }));
      }
      if (found && !found.every(Number.isFinite)) fail(where, overflow(model));
      if (found)
        metrics.add(
          found.map((probability) => Math.log(Math.max(probability, least))),
          [label],
        );
      done++;
      await unlessAborted(signal, () => onProgress?.({ done, total: images.length, unit: 'images' }));
      await breathe();
    }
  } finally {
    viewer.dispose();
  }
  const result = metrics.result();
  if (result.examples === 0) fail(where, 'there is no image to measure; pass at least one.');
  return result;
}

const ORIGINALS = recordOf('labeled images of any size, such as the sets of imageFolder', {
  length: COUNT,
  originals: FUNCTION,
  preprocessing: plainObject('an object'),
  classNames: optional(TEXTS),
});
const ORIGINAL = withFields('an object as { image, label }', 'image', 'label');

/** Whether an error says what is wrong with an image that messages call `who`. */
function isOfImage(error: unknown, who: string): boolean {
  return isError(error) && /^(Range|Data)Error$/.test(error.name) && error.message.startsWith(`${who}: `);
}
