import { dispose, reshape, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, LayerVariable, type layers } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../base/arguments.js';
import { rebuilt } from '../core/rebuilt.js';
import { foldNorm } from '../tfjs/foldedNorm.js';
import { isRelu } from '../tfjs/fusedNorm.js';
import { type Call, type Graph, graphOf } from '../tfjs/graph.js';
import { onBackend } from '../tfjs/onBackend.js';
import { checkCopy } from '../tfjs/sharedLayer.js';
import { freeCopy } from './freeCopy.js';
import { onlyCallOf, onlyReaderOf } from './links.js';

/** Layers whose last operation is a product with a kernel: what follows can scale that kernel's output channels. */
const FOLDED = ['Conv2D', 'DepthwiseConv2D', 'SeparableConv2D', 'Dense'];

/**
 * The same network without batch normalization: each that follows a convolution or dense layer becomes part of its kernel and bias, and
 * so does the ReLU behind it of its layer. In prediction a normalization only scales and shifts each channel. A folded VGG-BN is the VGG of the same
 * name.
 *
 * A normalization stays where something else reads the convolution, the convolution has an activation of its own, or a layer is used
 * several times. The model is not changed; what the new one does not change shares its numbers.
 *
 * @returns a model with the same outputs, within float32 rounding; dispose of both.
 * @throws RangeError when the model has several inputs.
 * @example const folded = foldNorms(vgg16({ batchNorm: true }));
 */
export function foldNorms(model: LayersModel): LayersModel {
  checkArguments('foldNorms', { model }, { model: MODEL });
  return foldedNorms('foldNorms', model);
}

/** As `foldNorms`, for the function that error messages name. */
export function foldedNorms(where: string, model: LayersModel): LayersModel {
  checkCopy(where, model);
  const graph = graphOf(where, model);
  const folds = new Map<layers.Layer, Fold>();
  const gone = new Set<layers.Layer>();
  for (const call of graph.calls) {
    const fold = foldOf(graph, call);
    if (!fold) continue;
    folds.set(call.layer, fold);
    gone.add(fold.norm);
    if (fold.relu) gone.add(fold.relu);
  }
  const replacement = (layer: layers.Layer) => {
    if (gone.has(layer)) return [];
    const fold = folds.get(layer);
    return fold && [foldedLayer(layer, fold)];
  };
  return onBackend(where, () => rebuilt(where, graph, replacement));
}

/** A batch normalization that becomes part of a layer, and the ReLU that does. */
interface Fold {
  norm: layers.Layer;
  relu?: layers.Layer;
}

function foldOf(graph: Graph, call: Call): Fold | undefined {
  const { activation, dataFormat } = call.layer.getConfig();
  const isPlain =
    FOLDED.includes(call.layer.getClassName()) && activation === 'linear' && dataFormat !== 'channelsFirst';
  const next = isPlain && onlyCallOf(graph, call) ? onlyReaderOf(graph, call) : undefined;
  if (next?.layer.getClassName() !== 'BatchNormalization' || !onlyCallOf(graph, next)) return undefined;
  const rank = (next.layer.outputShape as unknown[]).length;
  if (![-1, rank - 1].includes(next.layer.getConfig().axis as number)) return undefined;
  const relu = onlyReaderOf(graph, next);
  const isOwn = relu && onlyCallOf(graph, relu) && isRelu(relu.layer);
  return { norm: next.layer, ...(isOwn && { relu: relu.layer }) };
}

/** What tfjs's types leave out of layers with a kernel and a bias. */
interface Kernels {
  bias?: LayerVariable | null;
  useBias: boolean;
  _trainableWeights: LayerVariable[];
}

function foldedLayer(layer: layers.Layer, { norm, relu }: Fold): layers.Layer {
  const copy = freeCopy(layer, relu ? 'relu' : 'own');
  const parts = copy as unknown as Kernels;
  const kernel = copy.weights.filter(({ originalName }) => /kernel$/.test(originalName)).at(-1)!;
  const folded = tidy(() => {
    const filter = kernel.read() as Tensor;
    const channels = norm.weights[0]!.shape[0]!;
    // A depthwise kernel's channels are its last two axes.
    const { filter: scaled, bias } = foldNorm(norm, {
      filter: reshape(filter, [-1, channels]),
      bias: parts.bias?.read() as Tensor | undefined,
    });
    return { filter: reshape(scaled, filter.shape), bias };
  });
  kernel.write(folded.filter);
  if (parts.bias) parts.bias.write(folded.bias);
  else {
    parts.useBias = true;
    parts.bias = new LayerVariable(folded.bias, 'float32', `${layer.name}/bias`);
    parts._trainableWeights = [...parts._trainableWeights, parts.bias];
  }
  dispose([folded.filter, folded.bias]);
  return copy;
}
