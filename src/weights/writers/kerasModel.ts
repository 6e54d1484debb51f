import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { layerNames } from '../names/targets.js';

/** A layer as Keras knows it. */
export interface KerasNewLayer {
  /** `Conv2D`, `Dense`, ... */
  className: string;
  name: string;
  /** The arguments of Keras' constructor, such as `kernel_size`, without the name. */
  config: Readonly<Record<string, unknown>>;
  /** Its weights in Keras' order. */
  weights: { name: string; variable: layers.Layer['weights'][number]; epsilon?: number }[];
  /** The shape of its output. */
  shape: readonly (number | null)[];
}

/** The layers that Keras has too, with the arguments of their constructors. */
const ARGUMENTS: Record<string, readonly string[]> = {
  Conv2D: [
    'filters',
    'kernelSize',
    'strides',
    'padding',
    'dataFormat',
    'dilationRate',
    'activation',
    'useBias',
  ],
  Dense: ['units', 'activation', 'useBias'],
  BatchNormalization: ['axis', 'momentum', 'epsilon', 'center', 'scale'],
  MaxPooling2D: ['poolSize', 'strides', 'padding', 'dataFormat'],
  AveragePooling2D: ['poolSize', 'strides', 'padding', 'dataFormat'],
  GlobalAveragePooling2D: ['dataFormat'],
  GlobalMaxPooling2D: ['dataFormat'],
  ReLU: ['maxValue'],
  Activation: ['activation'],
  Softmax: ['axis'],
  Flatten: ['dataFormat'],
  Permute: ['dims'],
  Dropout: ['rate'],
};

/**
 * The chain of layers of a model, its input layer first and models inside it flattened. Layers with weights get the names
 * that this library and Keras use.
 *
 * @throws RangeError when layers branch, or one is of an unknown kind.
 */
export function kerasChain(model: LayersModel): KerasNewLayer[] {
  const names = layerNames('encodeWeights', model);
  const chain = unrolled(model);
  let shape = [...(model.inputs[0]!.shape as (number | null)[])];
  const input: KerasNewLayer = {
    className: 'InputLayer',
    // tfjs numbers all input layers of a program; files should not depend on that.
    name: 'input_layer',
    config: {},
    weights: [],
    shape,
  };
  const found = chain.map((layer): KerasNewLayer => {
    const className = layer.getClassName();
    const allowed = ARGUMENTS[className];
    if (!allowed) {
      fail(
        'encodeWeights',
        `the layer '${layer.name}' is a ${className}, which cannot be written to a Keras model; save the weights alone, or build the model from ${Object.keys(ARGUMENTS).join(', ')}.`,
      );
    }
    shape = layer.computeOutputShape(shape) as (number | null)[];
    const given = layer.getConfig();
    const config = Object.fromEntries(
      allowed
        .map((name) => [snakeCase(name), argument(given[name])] as const)
        .filter(([, value]) => value !== undefined),
    );
    const weights = layer.weights.map((variable) => {
      const name = variable.originalName.split('/').at(-1)!;
      return { name, variable, ...(name === 'moving_variance' && { epsilon: Number(given.epsilon) }) };
    });
    const name = names.get(layer.name) ?? layer.name;
    return { className, name, config: { trainable: layer.trainable, ...config }, weights, shape };
  });
  const all = [input, ...found];
  checkNames(all);
  return all;
}

/** The layers of a model, each of which takes the output of the previous one. */
function unrolled(model: LayersModel): layers.Layer[] {
  if (model.inputs.length !== 1 || model.outputs.length !== 1)
    fail(
      'encodeWeights',
      `the model has ${model.inputs.length} inputs and ${model.outputs.length} outputs; a Keras model is written with one of each.`,
    );
  const chain = model.layers.filter((layer) => layer.getClassName() !== 'InputLayer');
  chain.forEach((layer, i) => {
    const takes = (before: layers.Layer | undefined) =>
      layer.inboundNodes.some(
        ({ inboundLayers }) => inboundLayers.length === 1 && (!before || inboundLayers[0] === before),
      );
    if (!takes(chain[i - 1]))
      fail(
        'encodeWeights',
        `the layer '${layer.name}' does not take the output of '${chain[i - 1]!.name}' alone; only a model without branches can be written as a Keras model.`,
      );
  });
  return chain.flatMap((layer) => ('layers' in layer ? unrolled(layer as unknown as LayersModel) : [layer]));
}

function checkNames(chain: readonly KerasNewLayer[]): void {
  const seen = new Set<string>();
  for (const { name } of chain) {
    if (seen.has(name) || name.includes('/')) {
      fail(
        'encodeWeights',
        `the layer name '${name}' ${seen.has(name) ? 'occurs twice' : 'has a slash'}, which Keras does not allow; rename it.`,
      );
    }
    seen.add(name);
  }
}

/** An argument's value in Keras, `'channels_last'` for `'channelsLast'`; undefined leaves it to Keras. */
function argument(value: unknown): unknown {
  return typeof value === 'string' ? snakeCase(value) : (value ?? undefined);
}

/** `kernelSize` as `kernel_size`, `BatchNormalization` as `batch_normalization`, and `Conv2D` as `conv2d`: Keras' rule. */
export function snakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/**
 * The model as JSON in Keras 2's layout, which whole-model `.h5` files have and Keras 3 reads too.
 *
 * @param name the model's name.
 */
export function keras2Config(name: string, chain: readonly KerasNewLayer[]): object {
  return {
    class_name: 'Functional',
    config: functionalConfig(name, chain, ({ className, name, config, shape }, before) => ({
      class_name: className,
      config: {
        name,
        dtype: 'float32',
        ...(before ? config : { batch_input_shape: shape, sparse: false, ragged: false }),
      },
      name,
      inbound_nodes: before ? [[[before.name, 0, 0, {}]]] : [],
    })),
  };
}

/** The model as JSON in Keras 3's layout, which `.keras` files have. */
export function keras3Config(name: string, chain: readonly KerasNewLayer[]): object {
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: functionalConfig(name, chain, ({ className, name, config, shape }, before) => ({
      module: 'keras.layers',
      class_name: className,
      config: { name, dtype: 'float32', ...(before ? config : { batch_shape: shape }) },
      registered_name: null,
      name,
      inbound_nodes: before ? [{ args: [outputOf(before)], kwargs: {} }] : [],
    })),
    registered_name: 'Functional',
  };
}

function outputOf({ name, shape }: KerasNewLayer): object {
  return {
    class_name: '__keras_tensor__',
    config: { shape, dtype: 'float32', keras_history: [name, 0, 0] },
  };
}

function functionalConfig(
  name: string,
  chain: readonly KerasNewLayer[],
  describe: (layer: KerasNewLayer, before: KerasNewLayer | undefined) => object,
): object {
  return {
    name,
    trainable: true,
    layers: chain.map((layer, i) => describe(layer, chain[i - 1])),
    input_layers: [[chain[0]!.name, 0, 0]],
    output_layers: [[chain.at(-1)!.name, 0, 0]],
  };
}
