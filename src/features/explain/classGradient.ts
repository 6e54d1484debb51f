import { concat, grad, keep, max, neg, slice, sum, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { TENSOR } from '../../base/arguments.js';
import { attempted, fail, shown } from '../../base/check.js';
import { largestOf } from '../../base/numbers.js';
import { fits, shapeText } from '../../base/shapes.js';
import type { HeatMap } from '../../images/heatMap.js';
import { type ImageInput, type Preprocessing, toRgb, visibleRegion } from '../../images/index.js';
import { preprocessed } from '../../images/preprocess.js';
import { depthOf, preprocessingArgument } from '../../images/preprocessing.js';
import { floats } from '../../tfjs/floats.js';
import type { Graph } from '../../tfjs/graph.js';
import { checkImageShape, checkImageSize, imageShapeOf } from '../../tfjs/imageSize.js';
import { withTape } from '../../tfjs/tape.js';
import { checkWeights, strayNumber } from '../../train/finite.js';

/** The class to explain, and the preprocessing of the image. */
export interface ClassOptions {
  /** The class to explain, from 0. Default: the most probable one. */
  classIndex?: number;
  /**
   * Preprocessing of the model's weights (`published.preprocessing`). Omit it for a tensor `[1, height, width, channels]` that
   * is already preprocessed.
   */
  preprocessing?: Preprocessing;
}

/** What to do where TensorFlow.js has no gradient from the output to the image. */
export const NO_GRADIENT = "explain with method 'occlusion', or 'gradcam' of a layer behind it";

/** A preprocessed image, and the part of the original that it shows. */
interface Input {
  /** `[1, height, width, channels]`. */
  x: Tensor4D;
  region?: HeatMap['region'];
  /** Frees `x` unless it is the caller's. */
  dispose(): void;
}

/** Preprocesses an image, or uses a tensor as it is; also checks the class. */
export async function prepareInput(
  where: string,
  graph: Graph,
  classes: number,
  image: ImageInput | Tensor4D,
  { classIndex, preprocessing }: ClassOptions,
): Promise<Input> {
  // An error within a gradient would leave tfjs's tape open, so everything is checked first.
  const wanted = [1, ...imageShapeOf(where, graph.model)];
  if (
    classIndex !== undefined &&
    (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= classes)
  ) {
    fail(
      where,
      `classIndex is ${shown(classIndex)}; the model has ${classes} classes, so pass 0 to ${classes - 1}.`,
    );
  }
  if (preprocessing !== undefined) {
    preprocessingArgument(where, preprocessing);
    checkImageShape(where, graph, [preprocessing.crop, preprocessing.crop, depthOf(preprocessing)]);
    const pixels = await toRgb(image, where);
    await checkWeights(where, graph.model);
    const x = await preprocessed(where, pixels, preprocessing);
    return { x, region: visibleRegion(pixels, preprocessing), dispose: () => x.dispose() };
  }
  const shape = TENSOR.holds(image) ? (image as Tensor4D).shape : undefined;
  if (!shape || !fits(shape, wanted)) {
    const remedy = `pass that of the model's weights, or a preprocessed tensor [${shapeText(wanted, ',')}]`;
    const isElse = attempted(() => typeof image === 'string' || !('dataId' in image)) ?? false;
    fail(
      where,
      isElse
        ? `no preprocessing was passed for the image; ${remedy}.`
        : `the image is ${shape ? `a tensor of shape [${shape}]` : 'not a tensor of numbers, or is disposed'}, and no preprocessing was passed; ${remedy}.`,
    );
  }
  checkImageSize(where, graph, shape.slice(1));
  const stray = await strayNumber(image as Tensor4D);
  if (stray) fail(where, `the image has the number ${stray.value}; pass finite numbers.`);
  await checkWeights(where, graph.model);
  const x = floats(image as Tensor4D);
  return { x, dispose: () => void (x !== image && x.dispose()) };
}

/**
 * The gradient of a class's logit with respect to `x`, which the caller disposes, and the class: `classIndex`, or by default
 * the most probable one.
 *
 * @param logits a function from `x` to `[1, classes]`, or to `[1, 1]` for two classes.
 */
export async function classGradient(
  where: string,
  logits: (x: Tensor) => Tensor,
  x: Tensor,
  classIndex: number | undefined,
): Promise<{ gradient: Tensor; classIndex: number }> {
  let scores: Tensor | undefined;
  let gradient: Tensor | undefined;
  try {
    const score = grad((input) => {
      scores = keep(classScores(logits(input)));
      if (classIndex === undefined) return max(scores);
      return sum(slice(scores, [0, classIndex], [1, 1]));
    });
    gradient = keep(withTape(() => score(x)));
    const values = await scores!.data<'float32'>();
    if (!values.every(Number.isFinite)) {
      fail(where, "the model's outputs are not finite; check its weights and the image.");
    }
    return { gradient, classIndex: classIndex ?? largestOf(values) };
  } catch (error) {
    gradient?.dispose();
    throw error;
  } finally {
    scores?.dispose();
  }
}

/** A logit for each class, `[batch, classes]`: one logit alone is that of class 1, and its negative that of class 0. */
export function classScores(logits: Tensor): Tensor {
  return logits.shape[1] === 1 ? concat([neg(logits), logits], 1) : logits;
}
