import { avgPool, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf } from '../../base/check.js';
import { fits, shapeText, size } from '../../base/shapes.js';
import { normalizeImages, type Preprocessing } from '../../images/index.js';
import { preprocessingArgument } from '../../images/preprocessing.js';
import { checkMaps } from '../../tfjs/axes.js';
import { appliedFixed } from '../../tfjs/fixedCall.js';
import { floats } from '../../tfjs/floats.js';
import { checkGradients, reads } from '../../tfjs/gradients.js';
import { type Call, callsTo, compute, graphOf } from '../../tfjs/graph.js';
import { checkImageSize, imageShapeOf, layerShapes } from '../../tfjs/imageSize.js';
import { mendGradients } from '../../tfjs/mendedGradients.js';
import { type Apply, activationsAt, outputsAt, shapesAt } from '../taps/activations.js';
import { tapOf } from '../taps/taps.js';

/** Options of {@link imageFeatures}. */
export interface ImageFeaturesOptions {
  /**
   * Preprocessing of the model's weights (`published.preprocessing`): images are then RGB from 0 to 1. Default: images are
   * passed to the model as they are.
   */
  preprocessing?: Preprocessing;
  /** `'avg'` replaces max pooling by average pooling. Default `'max'`. */
  pooling?: 'max' | 'avg';
}

/** Features of images, through which gradients pass to the images. */
interface ImageFeatures {
  /** From images `[batch, height, width, channels]` to features, in the order of the layer names. */
  features: (images: Tensor4D) => Tensor[];
  /** Checks images and normalizes them, for `stage`. */
  prepared: (images: Tensor4D) => Tensor4D;
  /**
   * The output of one of the layers, from that of the layer named before it, so that a caller may free it before the next one. Of
   * the first layer, and where a layer reads others than the one before it, it is computed from the prepared images.
   */
  stage: (x: Tensor4D, index: number, before?: Tensor) => Tensor;
  /** The channels of each of the layers. */
  channels: readonly number[];
  /** The classes of all layers that run. */
  layers: readonly string[];
  /** Throws when an image of this shape, `[height, width, channels]`, is too small for the layers or does not fit them. */
  checkImage: (shape: readonly number[]) => void;
  /** Throws when TensorFlow.js has no gradient from the layers to the images. */
  checkGradient: () => void;
  /** The numbers in the output of each layer that runs, for an image of this shape, `[height, width, channels]`. */
  mapSizes: (shape: readonly number[]) => number[];
}

/**
 * The features that losses compare. If only convolutional layers are used, images may have any size.
 *
 * @throws RangeError when there is no such layer or the model has several inputs; `features`, when the images do not fit.
 */
export function imageFeatures(
  where: string,
  model: LayersModel,
  names: readonly string[],
  { preprocessing, pooling = 'max' }: ImageFeaturesOptions,
): ImageFeatures {
  if (names.length === 0) fail(where, 'no layer is named; pass at least one name.');
  oneOf(where, 'pooling', pooling, ['max', 'avg']);
  if (preprocessing !== undefined) preprocessingArgument(where, preprocessing);
  const graph = graphOf(where, model);
  const taps = names.map((name) => tapOf(where, graph, name));
  const outputs = outputsAt(taps);
  const shape = imageShapeOf(where, model);
  checkMaps(where, model);
  const calls = callsTo(outputs);
  const layers = calls.map(({ layer }) => layer.getClassName());
  const anySize = !layers.some((one) => /^(Flatten|Dense)$/.test(one));
  const wanted = anySize ? [null, null, shape[2]!] : shape;
  const checkImage = (shape: readonly number[]) => checkImageSize(where, graph, shape, outputs);
  const checkGradient = () =>
    checkGradients(where, { calls }, reads(graph.input), 'use layers before it, or another network');
  const apply = applyWith(pooling);
  const prepared = (images: Tensor4D) => {
    if (!fits(images.shape, [null, ...wanted])) {
      fail(where, `the images have shape [${images.shape}]; pass [batch, ${shapeText(wanted, ', ')}].`);
    }
    checkImage(images.shape.slice(1));
    // The caller may take the gradient of what is computed of them.
    mendGradients();
    return preprocessing ? normalizeImages(images, preprocessing) : floats(images);
  };
  const features = (images: Tensor4D) => activationsAt<Tensor>(graph, taps, prepared(images), apply);
  const stage = (x: Tensor4D, index: number, before?: Tensor) => {
    const known = new Map<Call, Tensor[]>([[graph.input, [x]]]);
    if (before) known.set(taps[index - 1]!.call, [before]);
    return compute(outputsAt([taps[index]!]), known, (call, inputs) => apply(call, inputs, 'own'))[0]!;
  };
  const mapSizes = (image: readonly number[]) =>
    [...layerShapes(graph, outputs, [1, ...image])].map(({ shapes }) => size(shapes[0] as number[]));
  const channels = shapesAt(graph, taps).map((shape) => shape.at(-1)!);
  return { features, prepared, stage, channels, layers, checkImage, checkGradient, mapSizes };
}

/** Applies layers that are not trained, with an average pooling in place of each max pooling if so asked. */
function applyWith(pooling: 'max' | 'avg'): Apply<Tensor> {
  return (call, inputs, activation) => {
    if (pooling === 'avg' && call.layer.getClassName() === 'MaxPooling2D') {
      const { poolSize, strides, padding } = call.layer.getConfig() as unknown as Record<string, never>;
      return [avgPool(inputs[0] as Tensor4D, poolSize!, strides!, padding!)];
    }
    return appliedFixed(call, inputs, activation);
  };
}
