import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Pooling } from './kernels.js';

/**
 * The layers of a model that compute something, in order, including those of nested models. Input layers are left out, because
 * a sequential model may have none.
 */
export function layersWithin({ layers: all }: Pick<LayersModel, 'layers'>): layers.Layer[] {
  return all.flatMap((layer) => {
    if ('layers' in layer) return layersWithin(layer as unknown as LayersModel);
    return layer.getClassName() === 'InputLayer' ? [] : [layer];
  });
}

/**
 * Whether a layer's weights are not to be trained, because it was frozen (`trainable = false`), or a model around it, which tfjs
 * notes in the layer's weights alone.
 */
export function isFrozen(layer: layers.Layer): boolean {
  // All but those that are never trained, such as moving statistics.
  const { _trainableWeights: own } = layer as unknown as { _trainableWeights: unknown[] };
  return !layer.trainable || (own.length > 0 && layer.trainableWeights.length === 0);
}

/**
 * The layers whose input depends on trained weights, so that its gradient is needed: those behind a trained layer, and those that
 * are called several times, by themselves or with a model within, because the second call may be behind one.
 */
export function layersBehindTrained(model: LayersModel): Set<layers.Layer> {
  const found = new Set<layers.Layer>();
  let trained = false;
  const visit = ({ layers: all }: LayersModel, again: boolean) => {
    for (const layer of all) {
      // A model has a node of its own before it is called.
      if ('layers' in layer) visit(layer as unknown as LayersModel, again || layer.inboundNodes.length > 2);
      else {
        if (trained || again || layer.inboundNodes.length > 1) found.add(layer);
        trained ||= layer.trainableWeights.length > 0;
      }
    }
  };
  visit(model, false);
  return found;
}

/**
 * The layer behind a layer, if nothing else reads its output: no other layer, and no model whose output it is.
 *
 * @param model the model that is run.
 */
export function onlyReader(model: LayersModel, layer: layers.Layer): layers.Layer | undefined {
  const [node, ...others] = layer.outboundNodes as unknown as { outboundLayer: layers.Layer }[];
  const reader = node?.outboundLayer;
  return others.length === 0 && reader?.inboundNodes.length === 1 && !outputsOf(model).has(layer)
    ? reader
    : undefined;
}

/** The models that are layers of a model, at any depth. */
export function modelsWithin({ layers: all }: LayersModel): LayersModel[] {
  const models = all.filter((layer) => 'layers' in layer) as unknown as LayersModel[];
  return models.flatMap((inner) => [inner, ...modelsWithin(inner)]);
}

/** The layers whose output is that of a model or of a model within it. */
function outputsOf(model: LayersModel): Set<layers.Layer> {
  const models = [model, ...modelsWithin(model)];
  return new Set(models.flatMap(({ outputs }) => outputs.map(({ sourceLayer }) => sourceLayer)));
}

/** The pooling of a max pooling layer of channels-last images; undefined for other layers and for large windows. */
export function poolingOf(layer: layers.Layer): Pooling | undefined {
  if (layer.getClassName() !== 'MaxPooling2D') return undefined;
  const { poolSize, strides, padding, dataFormat } = layer.getConfig();
  const [size, steps] = [poolSize, strides] as [number, number][];
  if (dataFormat !== 'channelsLast' || size![0] * size![1] > 255) return undefined;
  return { size: size!, strides: steps!, pad: padding as 'same' | 'valid' };
}

/**
 * Makes the model around a layer its only owner. tfjs counts every call of a layer as an owner, so that disposing of a model
 * would not free the weights of layers that it calls twice.
 */
export function ownOnce(layer: layers.Layer): void {
  (layer as unknown as { _refCount: number })._refCount = 1;
}

/** The shape of a model's input without the batch; null stands for any size. */
export function inputShapeOf(model: LayersModel): (number | null)[] {
  return (model.inputs[0]!.shape as (number | null)[]).slice(1);
}

/** The layers on the way back from a tensor along first inputs, also through nested models. */
function* layersBefore({ sourceLayer, nodeIndex, tensorIndex }: SymbolicTensor): Generator<layers.Layer> {
  if ('layers' in sourceLayer) {
    yield* layersBefore((sourceLayer as unknown as LayersModel).outputs[tensorIndex]!);
  } else yield sourceLayer;
  const nodes = (sourceLayer as unknown as { inboundNodes: { inputTensors: SymbolicTensor[] }[] })
    .inboundNodes;
  const input = nodes[nodeIndex]?.inputTensors[0];
  if (input) yield* layersBefore(input);
}

/** Whether a layer's input is what a ReLU puts out, perhaps pooled, flattened or dropped: zero where its gradient does not count. */
export function isBehindRelu(layer: layers.Layer): boolean {
  const [node, ...others] = layer.inboundNodes as unknown as { inputTensors: SymbolicTensor[] }[];
  if (!node || others.length > 0) return false;
  for (const before of layersBefore(node.inputTensors[0]!)) {
    const name = before.getClassName();
    if (name === 'ReLU' || before.getConfig().activation === 'relu') return true;
    if (!['Dropout', 'Flatten', 'MaxPooling2D'].includes(name)) break;
  }
  return false;
}
