import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { ELEMENTWISE, SPATIAL } from '../tfjs/layerKinds.js';

type Layer = layers.Layer;

/** Layers that leave the order of their inputs as it is. */
const IN_ORDER = new Set([...ELEMENTWISE, 'PReLU', 'SpatialDropout2D', 'BatchNormalization']);

/** The order of a dense layer's inputs: a flattened map with channels last, one with channels first or no map, or unknown. */
type InputOrder = { channels: number } | 'as in PyTorch' | 'unknown';

/** How the inputs of a dense layer are ordered, by the layers before it. */
export function inputOrderOf(model: LayersModel, dense: Layer): InputOrder {
  const outer = new Map<SymbolicTensor, SymbolicTensor>();
  connectInner(model, outer);
  const orders = dense.inboundNodes.map(({ inputTensors }) => orderOf(inputTensors[0]!, outer));
  const [first] = orders;
  return first && orders.every((one) => JSON.stringify(one) === JSON.stringify(first)) ? first : 'unknown';
}

/** Maps the inputs of the models in a model to the tensors that they are called with. */
function connectInner(model: LayersModel, outer: Map<SymbolicTensor, SymbolicTensor>): void {
  for (const layer of model.layers) {
    if (!('layers' in layer)) continue;
    const inner = layer as unknown as LayersModel;
    for (const { inputTensors } of layer.inboundNodes) {
      inner.inputs.forEach((input, i) => {
        if (inputTensors[i] !== input) outer.set(input, inputTensors[i]!);
      });
    }
    connectInner(inner, outer);
  }
}

function orderOf(from: SymbolicTensor, outer: ReadonlyMap<SymbolicTensor, SymbolicTensor>): InputOrder {
  let x = from;
  let flattened = false;
  let withWeights = false;
  for (;;) {
    const layer: Layer = x.sourceLayer;
    const className = layer.getClassName();
    const inputs = layer.inboundNodes[x.nodeIndex]?.inputTensors ?? [];
    const isMap = x.shape.length === 4;
    if ('layers' in layer) x = (layer as unknown as LayersModel).outputs[x.tensorIndex ?? 0]!;
    else if (className === 'InputLayer' && outer.has(x)) x = outer.get(x)!;
    else if (IN_ORDER.has(className)) {
      withWeights ||= !flattened && layer.weights.length > 0;
      x = inputs[0]!;
    } else if (!flattened && (className === 'Flatten' || className === 'Reshape')) {
      // Rows of another shape than a vector cut the map, which only channels first do as PyTorch does.
      flattened = inputs[0]!.shape.length > 2;
      withWeights ||= x.shape.length > 2;
      x = inputs[0]!;
    } else if (!flattened) return 'as in PyTorch';
    else if (!isMap) return 'unknown';
    else if (className === 'Permute') {
      const moved = layer.getConfig().dims as number[];
      const before = orderOfMap(inputs[0]!, outer);
      return moved.join() === '3,1,2' && before === 'last' ? 'as in PyTorch' : averaged(layer, x);
    } else {
      const map = orderOfMap(x, outer);
      if (map === 'first') return 'as in PyTorch';
      return map === 'unknown' || withWeights ? 'unknown' : { channels: x.shape[3]! };
    }
  }
}

/** `adaptivePool` ends with a permutation of its own, back to channels last. */
function averaged({ name }: Layer, { shape }: SymbolicTensor): InputOrder {
  return /^avgpool(_|$)/.test(name) ? { channels: shape[3]! } : 'unknown';
}

/** Where the channels of a map are. */
function orderOfMap(
  map: SymbolicTensor,
  outer: ReadonlyMap<SymbolicTensor, SymbolicTensor>,
): 'last' | 'first' | 'unknown' {
  let x = map;
  for (;;) {
    const layer: Layer = x.sourceLayer;
    const className = layer.getClassName();
    const inputs = layer.inboundNodes[x.nodeIndex]?.inputTensors ?? [];
    if ('layers' in layer) x = (layer as unknown as LayersModel).outputs[x.tensorIndex ?? 0]!;
    else if (className === 'InputLayer' && outer.has(x)) x = outer.get(x)!;
    else if (className === 'InputLayer') return 'last';
    else if (SPATIAL.includes(className)) {
      return layer.getConfig().dataFormat === 'channelsFirst' ? 'first' : 'last';
    } else if (IN_ORDER.has(className) || /^(Add|Average|Maximum|Minimum|Multiply)$/.test(className)) {
      x = inputs[0]!;
    } else return 'unknown';
  }
}
