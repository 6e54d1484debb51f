import { type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  checkArguments,
  either,
  isListOf,
  kind,
  MODEL,
  NUMBERS,
  optionsOf,
  TENSOR,
  TEXTS,
} from '../base/arguments.js';
import { fail, oneOf, wholeNumber } from '../base/check.js';
import { softmax } from '../base/numbers.js';
import { publishedOptionsOf } from '../base/publishedOptions.js';
import { type ImageInput, type PreparedImage, type Preprocessing, toRgb } from '../images/index.js';
import { isPrepared } from '../images/prepare.js';
import { imagesIn, preprocessed } from '../images/preprocess.js';
import { depthOf } from '../images/preprocessing.js';
import { classifierOutputs, probabilitiesOf } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { checkImageShape } from '../tfjs/imageSize.js';
import { inUse } from '../tfjs/inUse.js';
import { checkWeights } from '../train/finite.js';
import { VIEW_OPTIONS, type ViewOptions, viewerOf } from '../train/views.js';
import { metadataOf, preprocessingFor } from '../weights/metadata.js';
import { LABELS } from './labels.js';

/** A predicted class. */
export interface Prediction {
  /** Index of the class, from 0. */
  index: number;
  label: string;
  /** From 0 to 1. */
  probability: number;
}

/** Options of {@link decodePredictions}. */
export interface DecodeOptions {
  /** Number of classes to return, the most probable first. Default 5. */
  topK?: number;
  /** Kind of the outputs. Default `'logits'`, as in the library's networks. */
  outputs?: 'logits' | 'probabilities';
  /** Names of the classes. Default ImageNet's 1000. */
  labels?: readonly string[];
}

/** What rounding may add to a probability of 0 or 1. */
const ROUNDING = 1e-3;

/** Rows of numbers, one for each image. */
const ROWS = kind('rows of numbers', (value) => isListOf(value, NUMBERS.holds));

/**
 * The most probable classes of each image.
 *
 * @param outputs a network's output `[images, classes]`, as a tensor or as rows.
 * @throws RangeError when the numbers of labels and classes differ, an output is not finite or no probability, or `topK` is out of range.
 */
export function decodePredictions(
  outputs: Tensor | readonly ArrayLike<number>[],
  options: DecodeOptions = {},
): Promise<Prediction[][]> {
  return decoded('decodePredictions', outputs, options);
}

/** As `decodePredictions`, for the function that error messages name. */
async function decoded(
  where: string,
  outputs: Tensor | readonly ArrayLike<number>[],
  options: DecodeOptions,
): Promise<Prediction[][]> {
  const {
    topK = 5,
    outputs: form = 'logits',
    labels = LABELS,
  } = optionsOf(where, options, { topK: 1, outputs: 1, labels: 1 });
  checkArguments(where, { outputs, labels }, { outputs: either(TENSOR, ROWS), labels: TEXTS });
  oneOf(where, 'outputs', form, ['logits', 'probabilities']);

  wholeNumber(where, 'topK', topK);
  const rows = Array.isArray(outputs)
    ? (outputs as ArrayLike<number>[])
    : await rowsOf(where, outputs as Tensor);
  return rows.map((row, i) => {
    if (row.length !== labels.length) {
      fail(
        where,
        `there are ${row.length} classes and ${labels.length} labels; pass one label for each class.`,
      );
    }
    if (row.length === 1 && form === 'logits') {
      fail(where, 'there is one logit, and the softmax of one is always 1; apply the sigmoid to it instead.');
    }
    const probabilities = form === 'logits' ? softmax(row) : Array.from(row);
    if (!probabilities.every(Number.isFinite)) {
      fail(where, `the outputs of image ${i} are not finite; check the model's weights and the image.`);
    }
    const outside = probabilities.find((one) => one < -ROUNDING || one > 1 + ROUNDING);
    if (outside !== undefined) {
      fail(
        where,
        `the outputs of image ${i} have ${outside}, and probabilities are from 0 to 1; pass outputs: 'logits' if they are logits.`,
      );
    }
    return probabilities
      .map((probability, index) => ({ index, label: labels[index]!, probability }))
      .sort((a, b) => b.probability - a.probability || a.index - b.index)
      .slice(0, topK);
  });
}

/** Options of {@link classify}. */
export interface ClassifyOptions extends Omit<DecodeOptions, 'outputs' | 'labels'>, ViewOptions {
  /**
   * Preprocessing of the model's weights: `published.preprocessing`, or that of an entry of `PUBLISHED`. Default: the one that the
   * model carries (`metadataOf`), at the size of its input.
   */
  preprocessing?: Preprocessing;
  /** Names of the classes. Default: those that the model carries, or else ImageNet's 1000. */
  labels?: readonly string[];
  /** Images per forward pass, where there are several. Default 8. */
  batchSize?: number;
}

/**
 * Classifies one image, or several. The model's last layers determine whether its outputs are logits or probabilities. One output
 * stands for two classes: it is the logit, or after a sigmoid the probability, of class 1. With `dense`, `crops` or `scales`, the
 * probabilities are averaged over several views of each image.
 *
 * @param image the image, or a list of images, which pass through the model in batches.
 * @returns its classes, the most probable first; for a list, those of each image, in order.
 * @throws RangeError when an image cannot be read or is too small for the model, no preprocessing is known, the model's outputs are
 *   not finite, or the numbers of labels and classes differ.
 * @example
 * const { model } = await fromPretrained('torchvision/vgg16');
 * const [first] = await classify(model, imageElement); // { index: 281, label: 'tabby', probability: 0.6 }
 */
export function classify(
  model: LayersModel,
  image: ImageInput | PreparedImage,
  options?: ClassifyOptions,
): Promise<Prediction[]>;
export function classify(
  model: LayersModel,
  images: readonly (ImageInput | PreparedImage)[],
  options?: ClassifyOptions,
): Promise<Prediction[][]>;
export async function classify(
  model: LayersModel,
  given: ImageInput | PreparedImage | readonly (ImageInput | PreparedImage)[],
  options: ClassifyOptions = {},
): Promise<Prediction[] | Prediction[][]> {
  checkArguments('classify', { model }, { model: MODEL });
  const {
    preprocessing,
    topK,
    labels = metadataOf(model).classNames,
    batchSize = 8,
    ...views
  } = publishedOptionsOf('classify', options, {
    preprocessing: 1,
    labels: 1,
    topK: 1,
    batchSize: 1,
    ...VIEW_OPTIONS,
  });

  wholeNumber('classify', 'batchSize', batchSize);
  const used = preprocessingFor('classify', model, preprocessing);
  const images = imagesIn<ImageInput | PreparedImage>('classify', given);
  const { dense, crops, scales } = views;
  const rows = await inUse('classify', { model }, async () => {
    await checkWeights('classify', model);
    return [dense, crops, scales].some((view) => view !== undefined)
      ? averagedOverViews(model, images, used, { ...views, batchSize })
      : computedInBatches(model, images, used, batchSize);
  });
  const predictions = await decoded('classify', rows, { outputs: 'probabilities', topK, labels });
  return images === given ? predictions : predictions[0]!;
}

/** The probabilities of the classes, for each image. */
async function computedInBatches(
  model: LayersModel,
  images: readonly (ImageInput | PreparedImage)[],
  preprocessing: Preprocessing,
  batchSize: number,
): Promise<ArrayLike<number>[]> {
  const graph = graphOf('classify', model);
  const kind = classifierOutputs('classify', graph);
  const { crop } = preprocessing;
  checkImageShape('classify', graph, [crop, crop, depthOf(preprocessing)]);
  const rows: ArrayLike<number>[] = [];
  for (let from = 0; from < images.length; from += batchSize) {
    const x = await preprocessed('classify', images.slice(from, from + batchSize), preprocessing);
    let y: Tensor | undefined;
    try {
      y = tidy(() => probabilitiesOf(model.predict(x, { batchSize }) as Tensor, kind));
      rows.push(...(await rowsOf('classify', y)));
    } finally {
      x.dispose();
      y?.dispose();
    }
  }
  return rows;
}

async function averagedOverViews(
  model: LayersModel,
  images: readonly (ImageInput | PreparedImage)[],
  preprocessing: Preprocessing,
  { batchSize, ...views }: ViewOptions & { batchSize: number },
): Promise<ArrayLike<number>[]> {
  const viewer = viewerOf('classify', model, preprocessing, views, batchSize);
  try {
    const rows: ArrayLike<number>[] = [];
    for (const image of images) {
      if (isPrepared(image)) {
        fail(
          'classify',
          'a prepared image is the center alone, of which dense, crops and scales cannot see more; pass the image itself.',
        );
      }
      const pixels = await toRgb(image, 'classify');
      rows.push(await viewer.probabilitiesOf(pixels, 'classify'));
    }
    return rows;
  } finally {
    viewer.dispose();
  }
}

async function rowsOf(where: string, outputs: Tensor): Promise<ArrayLike<number>[]> {
  const [count, classes] = outputs.shape;
  if (outputs.shape.length !== 2) {
    fail(where, `the outputs have shape [${outputs.shape}]; pass [images, classes].`);
  }
  const values = await outputs.data();
  return Array.from({ length: count! }, (_, i) =>
    (values as Float32Array).subarray(i * classes!, (i + 1) * classes!),
  );
}
