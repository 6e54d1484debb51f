import {
  input,
  type LayersModel,
  type SymbolicTensor,
  layers as tfjsLayers,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { checkArguments, either, LIST, MODEL, optionsOf, TEXT, TEXTS } from '../../base/arguments.js';
import { fail, oneOf, shown } from '../../base/check.js';
import { shapeText } from '../../base/shapes.js';
import { checkMaps } from '../../tfjs/axes.js';
import { applied, type Call, callsTo, graphOf } from '../../tfjs/graph.js';
import { checkImageSize, checkWhatItPredicts, imageShapeOf } from '../../tfjs/imageSize.js';
import { inputShapeOf } from '../../tfjs/models.js';
import { checkCopy, sharedLayer, uniqueLayerNames } from '../../tfjs/sharedLayer.js';
import { metadataOf, setMetadata } from '../../weights/metadata.js';
import { activationsAt, outputsAt } from './activations.js';
import { tapOf } from './taps.js';

/** Options of {@link featureExtractor}. */
export interface ExtractorOptions {
  /**
   * `[height, width, channels]` of the input images, null for any size. Default: the model's. Another size works only for
   * layers before the flatten, and before a layer whose weights belong to places of the map.
   */
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  /** Reduces feature maps to one number per channel: its mean or maximum over positions. Default: whole feature maps. */
  pooling?: 'avg' | 'max';
  /** The extractor's name. Default: the model's with `_features`. */
  name?: string;
}

/**
 * A model whose outputs are the features of some of `model`'s layers, one output per name, in order. It computes them in one
 * forward pass, which ends at the last of these layers.
 *
 * It shares the model's weights: it takes no memory, follows the model's training, and disposing it frees nothing. It cannot
 * be used once the model is disposed. It saves and loads like any other model, and keeps the model's preprocessing.
 *
 * @param layers one name or several. Keras' names mean a layer's output (`block3_conv3`: after its ReLU, unless batch
 *   normalization follows); the paper's distinguish before and after the ReLU (`conv3_3` and `relu3_3`; also `bn3_3`,
 *   `pool3`, `fc6`, `relu6` for the first fully connected layer); torchvision's modules work too (`features.14`,
 *   `classifier.0`), and `logits` is the last layer's output before its softmax.
 * @returns a model with the input of `model`; outputs are `[batch, height, width, channels]` for feature maps and
 *   `[batch, units]` for vectors. `predict` returns a tensor for one name and an array for several.
 * @throws RangeError when there is no such layer (the message lists all), none is named, the model has several inputs, or an
 *   option does not fit; `predict`, when images are too small for the layers, or of another size than one of them needs.
 * @example
 * const extractor = featureExtractor(vgg16(IMAGENET), ['relu3_3', 'pool5']);
 * const [relu3, pool5] = extractor.predict(images) as Tensor[]; // [n, 56, 56, 256], [n, 7, 7, 512]
 */
export function featureExtractor(
  model: LayersModel,
  layers: string | readonly string[],
  options: ExtractorOptions = {},
): LayersModel {
  return extractorOf('featureExtractor', model, layers, options);
}

/** As `featureExtractor`, for the function that error messages name. */
export function extractorOf(
  where: string,
  model: LayersModel,
  layers: string | readonly string[],
  options: ExtractorOptions = {},
): LayersModel {
  checkArguments(where, { model, layers }, { model: MODEL, layers: either(TEXT, TEXTS) });
  optionsOf(where, options, { inputShape: 1, pooling: 1, name: TEXT });

  const names = typeof layers === 'string' ? [layers] : layers;
  if (names.length === 0) fail(where, 'no layer is named; pass at least one name.');
  checkCopy(where, model);
  const graph = graphOf(where, model);
  const taps = names.map((name) => tapOf(where, graph, name));
  const { inputShape, pooling, name = `${model.name}_features` } = options;
  oneOf(where, 'pooling', pooling, [undefined, 'avg', 'max']);

  const shape = shapeOf(where, model, callsTo(outputsAt(taps)), inputShape);
  checkImageSize(where, graph, shape, outputsAt(taps));
  if (pooling !== undefined) checkMaps(where, model);
  const image = input({ shape, dtype: model.inputs[0]!.dtype, name: graph.input.layer.name });
  const named = uniqueLayerNames(image.name);
  const found = activationsAt<SymbolicTensor>(graph, taps, image, (call, inputs, activation) => {
    const made = applied(call, inputs, named(sharedLayer(call.layer, activation)));
    checkWindow(where, call.layer, made[0]!, shape);
    return made;
  });
  const outputs: SymbolicTensor[] = [];
  for (const [i, output] of found.entries()) {
    const own = `${taps[i]!.call.layer.name}_${i}`;
    if (pooling && output.shape.length === 4) outputs.push(pooled(output, pooling, own));
    // tfjs fills only the first of two identical outputs.
    else outputs.push(outputs.includes(output) ? same(output, own) : output);
  }
  const extractor = tfjsModel({
    inputs: image,
    outputs: outputs.length === 1 ? outputs[0]! : outputs,
    name,
  });
  checkWhatItPredicts(where, extractor);
  setMetadata(extractor, { preprocessing: metadataOf(model).preprocessing });
  return extractor;
}

function pooled(x: SymbolicTensor, pooling: 'avg' | 'max', name: string): SymbolicTensor {
  const layer = pooling === 'avg' ? tfjsLayers.globalAveragePooling2d : tfjsLayers.globalMaxPooling2d;
  return layer({ name }).apply(x) as SymbolicTensor;
}

function same(x: SymbolicTensor, name: string): SymbolicTensor {
  return tfjsLayers.activation({ activation: 'linear', name }).apply(x) as SymbolicTensor;
}

/** Throws where images may be smaller than the window of a convolutional top. */
function checkWindow(
  where: string,
  layer: tfjsLayers.Layer,
  { shape }: SymbolicTensor,
  image: readonly (number | null)[],
): void {
  if (layer.getClassName() !== 'Conv2D' || layer.name !== 'fc1' || !shape.slice(1).includes(null)) return;
  fail(
    where,
    `inputShape is [${shapeText(image, ',')}], which has no fixed size for ${layer.name}; pass a height and a width.`,
  );
}

/** The shape of the extractor's images, checked against the model's. */
function shapeOf(
  where: string,
  model: LayersModel,
  used: readonly Call[],
  given: ExtractorOptions['inputShape'],
): (number | null)[] {
  if (given === undefined) return inputShapeOf(model);
  const own = imageShapeOf(where, model);
  const flatten = used
    .map(({ layer }) => layer)
    .find((layer) => layer.getClassName() === 'Flatten' || layer.name.startsWith('avgpool'));
  if (!LIST.holds(given)) {
    fail(where, `inputShape is ${shown(given)}; pass [height, width, ${own[2]}].`);
  }
  if (given.length !== 3 || given[2] !== own[2]) {
    fail(
      where,
      `inputShape is [${shapeText(given, ',')}]; pass [height, width, ${own[2]}], as the model has ${own[2]} input channels.`,
    );
  }
  if (flatten && (given[0] !== own[0] || given[1] !== own[1])) {
    fail(
      where,
      `images of ${shapeText(given)} do not fit layer ${flatten.name}, which fixes the size; use the model's, ${shapeText(own)}.`,
    );
  }
  return [...given];
}
