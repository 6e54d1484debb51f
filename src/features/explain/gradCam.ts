import { clone, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { checkMaps } from '../../tfjs/axes.js';
import { activationOf, classifierOutputs } from '../../tfjs/classifier.js';
import { checkGradients, reads } from '../../tfjs/gradients.js';
import { type Call, type Graph, graphOf, readersOf } from '../../tfjs/graph.js';
import { held } from '../../tfjs/held.js';
import { inUse } from '../../tfjs/inUse.js';
import { activationsAt, shapesAt } from '../taps/activations.js';
import { logitsFrom } from '../taps/logits.js';
import { type Tap, tapOf } from '../taps/taps.js';
import { type Combine, gradCamMap } from './cams.js';
import { type ClassOptions, classGradient, NO_GRADIENT, prepareInput } from './classGradient.js';

/** Options of {@link gradCam}. */
export interface GradCamOptions extends ClassOptions {
  /** The layer whose feature maps are used, by any name that `featureExtractor` knows. Default: the last convolution before the top, after its ReLU or at the end of its residual block. */
  layer?: string;
}

/**
 * Where a network sees a class in an image: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3). It sums the feature
 * maps of a layer, each weighted by the mean gradient of the class's logit over its positions, and sets negative sums to 0.
 *
 * @param image an image, with `preprocessing`; or a preprocessed tensor `[1, height, width, channels]`.
 * @returns a map of the layer's size (14x14 for VGG-16 and 224x224), not scaled; `overlay` lays it over the image.
 * @throws RangeError when there is no such layer or class, the layer's output is not a feature map, the model has no top or
 *   several outputs, its outputs are not finite, or the image does not fit.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const map = await gradCam(model, image, published); // of the most probable class
 * const shown = await overlay(image, map);
 */
export async function gradCam(
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: GradCamOptions = {},
): Promise<HeatMap> {
  checkArguments('gradCam', { model }, { model: MODEL });
  publishedOptionsOf('gradCam', options, { layer: 1, classIndex: 1, preprocessing: 1 });
  return inUse('gradCam', { model, image }, () => layerMap('gradCam', model, image, options, gradCamMap));
}

/** A map that a method makes of the feature maps of a layer and their gradient. */
export async function layerMap(
  where: string,
  model: LayersModel,
  image: ImageInput | Tensor4D,
  options: GradCamOptions,
  combine: Combine,
): Promise<HeatMap> {
  const graph = graphOf(where, model);
  const { classes } = classifierOutputs(where, graph);
  const best = () => lastConvolution(where, graph);
  const tap = options.layer === undefined ? best() : tapOf(where, graph, options.layer);
  const [shape] = shapesAt(graph, [tap]);
  if (shape!.length !== 4) {
    fail(
      where,
      `the output of ${options.layer} is not a feature map; use a convolution, its ReLU or a pooling, such as ${best().call.layer.name}.`,
    );
  }
  checkMaps(where, model);
  checkGradients(where, graph, reads(tap.call), NO_GRADIENT);
  const logits = logitsFrom(graph, tap);
  const input = await prepareInput(where, graph, classes, image, options);
  let features: Tensor4D | undefined;
  let gradient: Tensor | undefined;
  try {
    // Those of the input are the image itself, which may be the caller's.
    features = held(() => clone(activationsAt<Tensor>(graph, [tap], input.x)[0] as Tensor4D));
    const score = (x: Tensor) => logits(input.x, x);
    const explained = await classGradient(where, score, features, options.classIndex);
    gradient = explained.gradient;
    const values = await combine({ features, gradient: gradient as Tensor4D });
    const [, height, width] = features.shape;
    return { values, width, height, classIndex: explained.classIndex, region: input.region };
  } finally {
    for (const tensor of [features, gradient]) tensor?.dispose();
    input.dispose();
  }
}

/** The layers that may stand between a convolution and the feature maps that the next layers read. */
const BEHIND_CONVOLUTION = /^(BatchNormalization|ReLU|Activation|LeakyReLU|PReLU|ELU|Add|Concatenate)$/;

/** The last convolution before the top, or the batch normalization, the ReLU or the end of the residual block behind it. */
function lastConvolution(where: string, graph: Graph): Tap {
  let call = graph.calls.findLast(
    ({ layer }) => layer.getClassName().includes('Conv2D') && !/^fc\d+$/.test(layer.name),
  );
  if (!call) return fail(where, 'the model has no convolution; pass one with a convolution.');
  for (;;) {
    const [reader, ...others]: Call[] = readersOf(graph, call);
    if (!reader || others.length > 0 || !BEHIND_CONVOLUTION.test(reader.layer.getClassName())) break;
    if (reader.layer.getClassName() === 'Activation' && activationOf(reader) !== 'relu') break;
    call = reader;
  }
  return { call, side: 'after' };
}
