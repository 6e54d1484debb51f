import { mean, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { LIST } from '../base/arguments.js';
import { fail, MAX_SIDE, oneOf, shown, wholeNumber } from '../base/check.js';
import { softmax } from '../base/numbers.js';
import { convolutional } from '../core/fullyConvolutional.js';
import { resizedSize } from '../images/geometry.js';
import type { RgbImage } from '../images/pixels.js';
import { resized } from '../images/prepare.js';
import { depthOf, type Preprocessing } from '../images/preprocessing.js';
import { type ClassifierOutputs, classifierOutputs } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { checkImageShape } from '../tfjs/imageSize.js';
import { memoryFailure, watchMemory } from '../tfjs/outOfMemory.js';
import { batchOf, mirrored, squaresOf } from './squares.js';

/**
 * The views of an image whose class probabilities are averaged, as Simonyan & Zisserman (2014) tested their networks. Default: one,
 * the center that `preprocess` cuts.
 */
export interface ViewOptions {
  /**
   * Applies the network to the whole image and to its mirror image, as `fullyConvolutional` makes it: class scores are averaged over
   * positions, and their softmax over the two (section 3.2). Default false.
   */
  dense?: boolean;
  /**
   * Squares of the network's size: 1, the center; 5, the corners and the center; 10, those and their mirror images, as torchvision's
   * `TenCrop` (Krizhevsky et al. 2012); 50, a regular grid of 5x5 from corner to corner and its mirror images (section 3.2). Default
   * 1, or none with `dense`. With both, the mean over squares and that of `dense` count the same (table 5).
   */
  crops?: 1 | 5 | 10 | 50;
  /**
   * Lengths in pixels that the image's shorter side is resized to, larger or smaller, in proportion; the probabilities of all are
   * averaged (tables 4 and 5: `[256, 384, 512]`). At least the side of the network's squares. Default: that of the preprocessing.
   */
  scales?: readonly number[];
}

/** The names of the options. */
export const VIEW_OPTIONS: Readonly<Record<keyof ViewOptions, 1>> = { dense: 1, crops: 1, scales: 1 };

/** Classifies images by several views of each. */
export interface Viewer {
  outputs: ClassifierOutputs;
  /**
   * The probability of each class, averaged over the views.
   *
   * @param name what error messages begin with.
   */
  probabilitiesOf: (image: RgbImage, name: string) => Promise<Float64Array>;
  /** Frees what is its own; the model is the caller's. */
  dispose(): void;
}

/** Limit on the pixels of a scaled image, 4096x4096: the first feature map of a VGG then has 4 GB, and no backend holds more. */
const MAX_PIXELS = 2 ** 24;

/**
 * Prepares a model for several views of each image.
 *
 * @param batchSize squares that run at once.
 * @throws RangeError when an option is out of range, the model does not fit the preprocessing, or with `dense` it is none that
 *   `fullyConvolutional` can convert.
 */
export function viewerOf(
  where: string,
  model: LayersModel,
  preprocessing: Preprocessing,
  { dense = false, crops, scales }: ViewOptions,
  batchSize = 32,
): Viewer {
  oneOf(where, 'dense', dense, [true, false]);
  oneOf(where, 'crops', crops, [undefined, 1, 5, 10, 50]);
  const { crop } = preprocessing;
  const shape = [crop, crop, depthOf(preprocessing)] as const;
  const graph = graphOf(where, model);
  const outputs = classifierOutputs(where, graph);
  checkImageShape(where, graph, shape);
  const squares = crops ?? (dense ? undefined : 1);
  const sizes = scalesOf(where, preprocessing, scales, !dense && squares === 1);
  const network = dense ? convolutional(where, model, { inputShape: shape, logits: true }) : undefined;
  const memory = watchMemory();

  const rowsOf = async (x: Tensor4D, run: (x: Tensor4D) => Tensor, areLogits: boolean) => {
    const y = computed(x, run);
    try {
      const values = await y.data<'float32'>();
      await memory.check();
      return Array.from({ length: y.shape[0]! }, (_, i) =>
        classProbabilities(
          values.subarray(i * outputs.outputs, (i + 1) * outputs.outputs),
          outputs,
          areLogits,
        ),
      );
    } finally {
      y.dispose();
    }
  };
  const denseRows = async (image: RgbImage, all: Means) => {
    for (const view of [image, mirrored(image)]) {
      const x = batchOf([view], preprocessing);
      // The mean over positions, whose number depends on the image.
      all.add(await rowsOf(x, (x) => mean(network!.predict(x) as Tensor, [1, 2]), true));
    }
  };
  const squareRows = async (image: RgbImage, all: Means) => {
    const views = squaresOf(image, crop, squares!);
    for (let i = 0; i < views.length; i += batchSize) {
      const x = batchOf(
        views.slice(i, i + batchSize).map((view) => view()),
        preprocessing,
      );
      all.add(await rowsOf(x, (x) => model.predict(x) as Tensor, outputs.activation === undefined));
    }
  };
  return {
    outputs,
    async probabilitiesOf(image, name) {
      const ways = [...(network ? [denseRows] : []), ...(squares ? [squareRows] : [])];
      const means = ways.map((way) => [way, new Means(outputs.classes)] as const);
      const scaled = sizes.map((size) => [size, resizedSize(image, size)] as const);
      const given = `the image of ${image.width}x${image.height}`;
      for (const [, { width, height }] of scaled) {
        if (width * height <= MAX_PIXELS) continue;
        fail(
          name,
          `${given} becomes ${width}x${height}, more than ${MAX_PIXELS} pixels; crop it, or use smaller scales.`,
        );
      }
      for (const [size, { width, height }] of scaled) {
        try {
          const pixels = resized(image, size);
          for (const [way, all] of means) await way(pixels, all);
        } catch (error) {
          const reason = memoryFailure(error)?.replace(/\.$/, '');
          if (reason === undefined) throw error;
          fail(
            name,
            `${given} does not fit in memory at ${width}x${height} (${reason}); crop it, or use smaller scales or batches.`,
          );
        }
      }
      const all = new Means(outputs.classes);
      all.add(means.map(([, own]) => own.mean()));
      return all.mean();
    },
    dispose() {
      memory.release();
      network?.dispose();
    },
  };
}

/**
 * A preprocessing for each scale.
 *
 * @param isPlain whether there is only the view that `preprocess` cuts, which may be of a stretched image.
 */
function scalesOf(
  where: string,
  preprocessing: Preprocessing,
  scales: readonly number[] | undefined,
  isPlain: boolean,
): Preprocessing[] {
  const { crop, resize } = preprocessing;
  if (scales === undefined) {
    if (isPlain || 'shorterSide' in resize) return [preprocessing];
    return fail(
      where,
      `the preprocessing stretches images to ${resize.width}x${resize.height}; pass scales for images in their proportions, such as [256].`,
    );
  }
  if (!LIST.holds(scales) || scales.length === 0) {
    fail(where, `scales is ${shown(scales)}; pass a list of lengths, such as [256, 384, 512].`);
  }
  return scales.map((scale, i) => ({
    ...preprocessing,
    resize: { shorterSide: wholeNumber(where, `scales[${i}]`, scale, crop, MAX_SIDE) },
  }));
}

/** What a network computes from images, which are disposed. */
function computed(x: Tensor4D, run: (x: Tensor4D) => Tensor): Tensor {
  try {
    return tidy(() => run(x));
  } finally {
    x.dispose();
  }
}

/** The probability of each class from a network's outputs for one view, in double precision. */
function classProbabilities(
  row: Float32Array,
  { outputs, activation }: ClassifierOutputs,
  areLogits: boolean,
): ArrayLike<number> {
  const isEachAlone = outputs === 1 || activation === 'sigmoid';
  if (!isEachAlone) return areLogits ? softmax(row) : row;
  const each = areLogits ? Array.from(row, (logit) => 1 / (1 + Math.exp(-logit))) : row;
  return outputs === 1 ? [1 - each[0]!, each[0]!] : each;
}

/** The mean of rows, in double precision. */
class Means {
  private readonly sums: Float64Array;
  private count = 0;

  constructor(length: number) {
    this.sums = new Float64Array(length);
  }

  add(rows: readonly ArrayLike<number>[]): void {
    for (const row of rows) {
      for (let i = 0; i < this.sums.length; i++) this.sums[i]! += row[i]!;
      this.count++;
    }
  }

  mean(): Float64Array {
    return this.sums.map((sum) => sum / this.count);
  }
}
