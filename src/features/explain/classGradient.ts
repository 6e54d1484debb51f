import { grad, keep, max, slice, sum, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { fits, shapeText } from '../../base/shapes.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { Preprocessing } from '../../images/index.js';
import { type ImageInput, preprocess, toRgb, visibleRegion } from '../../images/index.js';
import { inputShapeOf } from '../../tfjs/models.js';

/** Of which class, and how the picture is prepared. */
export interface ClassOptions {
  /** The class that is explained, from 0. Default: the most probable one. */
  classIndex?: number;
  /**
   * The recipe that belongs to the model's weights (`published.preprocessing`), for a picture; left out for a tensor
   * `[1, height, width, channels]` that is as the model takes it.
   */
  preprocessing?: Preprocessing;
}

/** An image as a model takes it, and which part of the picture it is. */
interface Input {
  /** `[1, height, width, channels]`. */
  x: Tensor4D;
  region?: HeatMap['region'];
  /** Frees what was made. */
  dispose(): void;
}

/** Prepares a picture, or takes a tensor that is prepared as it is; checks the class beside. */
export async function inputOf(
  where: string,
  model: LayersModel,
  image: ImageInput | Tensor4D,
  { classIndex, preprocessing }: ClassOptions,
): Promise<Input> {
  // An error in the middle of a gradient would leave tfjs's tape behind, so everything is checked before.
  const classes = model.outputs[0]!.shape.at(-1)!;
  if (
    classIndex !== undefined &&
    (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= classes)
  ) {
    fail(
      where,
      `classIndex is ${classIndex}; the model has ${classes} classes, so give 0 to ${classes - 1}.`,
    );
  }
  if (preprocessing) {
    const pixels = await toRgb(image, where);
    const x = await preprocess(pixels, preprocessing);
    return { x, region: visibleRegion(pixels, preprocessing), dispose: () => x.dispose() };
  }
  const shape = 'shape' in image ? image.shape : undefined;
  const wanted = [1, ...inputShapeOf(model)];
  if (!shape || !fits(shape, wanted)) {
    fail(
      where,
      `the image is ${shape ? `a tensor of shape [${shape}]` : 'a picture'} and no preprocessing is given; give a tensor [${shapeText(wanted, ',')}] that is prepared for the model, or the recipe of its weights as preprocessing.`,
    );
  }
  return { x: image as Tensor4D, dispose() {} };
}

/**
 * The gradient of a class's logit with respect to `x`, which the caller disposes, and the class: the most probable one
 * unless it is given.
 *
 * @param logits from `x` to `[1, classes]`.
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
    gradient = grad((input) => {
      scores = keep(logits(input));
      if (classIndex === undefined) return max(scores);
      return sum(slice(scores, [0, classIndex], [1, 1]));
    })(x);
    const values = await scores!.data<'float32'>();
    if (!values.every(Number.isFinite)) {
      fail(where, "the model's outputs are not finite numbers; check its weights and the image.");
    }
    const best = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
    return { gradient, classIndex: classIndex ?? best };
  } catch (error) {
    gradient?.dispose();
    throw error;
  } finally {
    scores?.dispose();
  }
}
