import {
  input,
  type LayersModel,
  type SymbolicTensor,
  layers as tfjsLayers,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { applyActivation, sharedLayer } from '../../tfjs/sharedLayer.js';
import { checkChain } from './chain.js';
import { tapOf } from './taps.js';

/** How an extractor is built. */
export interface ExtractorOptions {
  /**
   * `[height, width, channels]` of its images, null for any size. Default: the model's. Another size than the model's is
   * for layers before the flatten alone.
   */
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  /** The extractor's name. Default: the model's with `_features`. */
  name?: string;
}

/**
 * A model that puts out what `model` computes on the way: one forward pass, an output a name, in the order of the names,
 * and no layer past the last one that is asked for.
 *
 * It shares the model's weights, so it takes no memory, follows what the model learns, and disposing it frees nothing;
 * once the model is disposed it cannot be used any more. It saves and loads like any other model.
 *
 * @param layers a layer's name, or several. Keras' names give what the layer puts out (`block3_conv3`, after its ReLU
 *   unless batch normalization follows); the paper's say which side of the ReLU they mean (`conv3_3` before it, `relu3_3`
 *   after it, `bn3_3`, `pool3`, `fc6`, `relu6`); torchvision's modules work too (`features.14`, `classifier.0`), and
 *   `logits` is the last layer's output before its softmax.
 * @returns input as the model's, outputs `[batch, height, width, channels]` of the feature maps, `[batch, units]` of the
 *   fully connected layers; `predict` gives a tensor for one name and an array for several.
 * @throws RangeError when there is no such layer (the message lists those there are), none is asked for, the layers are
 *   no chain, or `inputShape` does not fit.
 * @example
 * const extractor = featureExtractor(vgg16(IMAGENET), ['relu3_3', 'pool5']);
 * const [relu3, pool5] = extractor.predict(images) as Tensor[]; // [n, 56, 56, 256], [n, 7, 7, 512]
 */
export function featureExtractor(
  model: LayersModel,
  layers: string | readonly string[],
  options: ExtractorOptions = {},
): LayersModel {
  const names = typeof layers === 'string' ? [layers] : layers;
  if (names.length === 0) fail('featureExtractor', 'no layer is asked for; give at least one name.');
  const taps = names.map((name) => tapOf('featureExtractor', model, name));
  const last = Math.max(...taps.map((tap) => model.layers.findIndex(({ name }) => name === tap.layer)));
  const used = model.layers.slice(0, last + 1);
  checkChain('featureExtractor', used);
  const { inputShape, name = `${model.name}_features` } = options;

  const image = input({
    shape: shapeOf(
      model,
      used.map((layer) => layer.name),
      inputShape,
    ),
    name: used[0]!.name,
  });
  const before = new Map([[used[0]!.name, image]]);
  const after = new Map(before);
  let x = image;
  for (const [i, layer] of used.entries()) {
    if (i === 0) continue;
    const split = taps.some((tap) => tap.layer === layer.name && tap.side === 'before');
    x = sharedLayer(layer, split ? 'none' : 'own').apply(x) as SymbolicTensor;
    before.set(layer.name, x);
    const needed = i < last || taps.some((tap) => tap.layer === layer.name && tap.side === 'after');
    if (split && needed) x = applyActivation(x, layer);
    after.set(layer.name, x);
  }
  const outputs: SymbolicTensor[] = [];
  for (const [i, { layer, side }] of taps.entries()) {
    const output = (side === 'before' ? before : after).get(layer)!;
    // tfjs fills only the first of two outputs that are the same.
    outputs.push(outputs.includes(output) ? same(output, `${layer}_${i}`) : output);
  }
  return tfjsModel({ inputs: image, outputs: outputs.length === 1 ? outputs[0]! : outputs, name });
}

function same(x: SymbolicTensor, name: string): SymbolicTensor {
  return tfjsLayers.activation({ activation: 'linear', name }).apply(x) as SymbolicTensor;
}

/** The shape of the extractor's images, checked against the model's. */
function shapeOf(
  model: LayersModel,
  used: readonly string[],
  given: ExtractorOptions['inputShape'],
): (number | null)[] {
  const own = (model.inputs[0]!.shape as (number | null)[]).slice(1);
  if (!given) return own;
  const flatten = used.find((name) => /^(avgpool|flatten|fc\d|predictions)/.test(name));
  if (given.length !== 3 || given[2] !== own[2]) {
    fail(
      'featureExtractor',
      `inputShape is [${given}]; give [height, width, ${own[2]}], as the model has ${own[2]} input channels.`,
    );
  }
  if (flatten && (given[0] !== own[0] || given[1] !== own[1])) {
    fail(
      'featureExtractor',
      `inputShape is [${given}] and the model's [${own}]; ${flatten}, which comes before the layers asked for, fixes the size.`,
    );
  }
  return [...given];
}
