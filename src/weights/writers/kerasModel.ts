import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { configurationOf } from '../../tfjs/configurations.js';
import { snakeCase } from '../formats/keras/snakeCase.js';
import { graphOf, type Placed } from './graph.js';

/** A weight of a layer. */
export interface KerasWeight {
  /** `kernel`, `gamma`, ... */
  name: string;
  variable: layers.Layer['weights'][number];
  /** The epsilon that the layer adds, if it is a running variance. */
  epsilon?: number;
}

/** A layer as Keras knows it. */
export interface KerasNewLayer {
  /** `Conv2D`, `Dense`, ... */
  className: string;
  name: string;
  /** The arguments of Keras' constructor, such as `kernel_size`, without the name. */
  config: Readonly<Record<string, unknown>>;
  /** The layers whose outputs it takes; none for the input layer. */
  inputs: readonly KerasNewLayer[];
  /** Whether it takes them as a list. */
  merges?: boolean;
  /** Its weights in Keras' order. */
  weights: readonly KerasWeight[];
  /** The shape of its output. */
  shape: readonly (number | null)[];
}

const CONVOLUTION = [
  'kernelSize',
  'strides',
  'padding',
  'dataFormat',
  'dilationRate',
  'activation',
  'useBias',
];
const POOLING = ['poolSize', 'strides', 'padding', 'dataFormat'];

/** The layers that take a list of inputs. */
const MERGING = ['Add', 'Average', 'Maximum', 'Minimum', 'Multiply', 'Concatenate'];

/** The layers that Keras has too, with the arguments of their constructors. */
const ARGUMENTS: Record<string, readonly string[]> = {
  Conv2D: ['filters', ...CONVOLUTION],
  DepthwiseConv2D: ['depthMultiplier', ...CONVOLUTION],
  SeparableConv2D: ['filters', 'depthMultiplier', ...CONVOLUTION],
  Dense: ['units', 'activation', 'useBias'],
  BatchNormalization: ['axis', 'momentum', 'epsilon', 'center', 'scale'],
  LayerNormalization: ['axis', 'epsilon', 'center', 'scale'],
  MaxPooling2D: POOLING,
  AveragePooling2D: POOLING,
  GlobalAveragePooling2D: ['dataFormat'],
  GlobalMaxPooling2D: ['dataFormat'],
  ZeroPadding2D: ['padding', 'dataFormat'],
  Cropping2D: ['cropping', 'dataFormat'],
  UpSampling2D: ['size', 'dataFormat', 'interpolation'],
  ReLU: ['maxValue'],
  LeakyReLU: ['alpha'],
  ELU: ['alpha'],
  PReLU: ['sharedAxes'],
  Activation: ['activation'],
  Softmax: ['axis'],
  Rescaling: ['scale', 'offset'],
  Flatten: ['dataFormat'],
  Reshape: ['targetShape'],
  Permute: ['dims'],
  Dropout: ['rate'],
  GaussianNoise: ['stddev'],
  GaussianDropout: ['rate'],
  Add: [],
  Average: [],
  Maximum: [],
  Minimum: [],
  Multiply: [],
  Concatenate: ['axis'],
};

/** Arguments for which tfjs takes numbers that Keras refuses, and Keras' range. */
const RANGES: Readonly<Record<string, readonly [name: string, least: number, most: number]>> = {
  ReLU: ['maxValue', 0, Number.POSITIVE_INFINITY],
  LeakyReLU: ['alpha', 0, Number.POSITIVE_INFINITY],
  GaussianNoise: ['stddev', 0, 1],
};

/** The activations that compute the same in Keras 2, Keras 3 and tfjs; of `hardSigmoid` each has its own. */
const ACTIVATIONS = [
  ...['linear', 'relu', 'relu6', 'elu', 'selu', 'sigmoid', 'tanh'],
  ...['softmax', 'softplus', 'softsign', 'swish'],
];

/**
 * The layers of a model as Keras has them, each after those that it takes, its input layer first and models inside it flattened.
 *
 * @param names names to use instead of the model's, by the first weight of a layer.
 * @throws RangeError when Keras lacks a layer or an activation, two layers have one name, or there are several inputs or outputs.
 */
export function kerasLayersOf(
  model: LayersModel,
  names: ReadonlyMap<KerasWeight['variable'], string> = new Map(),
): KerasNewLayer[] {
  const found = new Map<Placed, KerasNewLayer>();
  for (const placed of graphOf(model)) {
    const layer = placed.inputs.length === 0 ? inputLayer(model) : kerasLayer(placed, found);
    const name = names.get(layer.weights[0]?.variable as KerasWeight['variable']) ?? layer.name;
    found.set(placed, { ...layer, name });
  }
  const all = [...found.values()];
  checkNames(all);
  return all;
}

function inputLayer(model: LayersModel): KerasNewLayer {
  return {
    className: 'InputLayer',
    // tfjs numbers all input layers of a program; files should not depend on that.
    name: 'input_layer',
    config: {},
    inputs: [],
    weights: [],
    shape: model.inputs[0]!.shape,
  };
}

function kerasLayer({ layer, inputs }: Placed, found: ReadonlyMap<Placed, KerasNewLayer>): KerasNewLayer {
  const className = layer.getClassName();
  const allowed = ARGUMENTS[className];
  const cannot = (what: string, remedy: string) =>
    fail(
      'encodeWeights',
      `the layer '${layer.name}' ${what}, which cannot be written to a Keras model; ${remedy}.`,
    );
  if (!allowed) {
    return cannot(`is a ${className}`, `build the model from ${Object.keys(ARGUMENTS).join(', ')}`);
  }
  const given = configurationOf(layer);
  if (given.activation != null && !ACTIVATIONS.includes(given.activation as string)) {
    return cannot(`has the activation '${given.activation}'`, `use one of ${ACTIVATIONS.join(', ')}`);
  }
  // Keras interpolates between the centers of pixels, tfjs between their corners.
  if (className === 'UpSampling2D' && given.interpolation === 'bilinear') {
    return cannot("has the interpolation 'bilinear'", "use 'nearest'");
  }
  if (className === 'LayerNormalization' && [given.axis].flat().length > 1) {
    return cannot(`has the axes ${[given.axis].flat().join(', ')}`, 'use one axis');
  }
  const [name, least, most] = RANGES[className] ?? [];
  if (name !== undefined) {
    const value = given[name] as number | null;
    if (value != null && !(value >= least! && value <= most!)) {
      return cannot(`has the ${name} ${value}`, `use one of ${least} ${most === 1 ? 'to 1' : 'or more'}`);
    }
  }
  const before = inputs.map((one) => found.get(one)!);
  const shapes = before.map(({ shape }) => [...shape]);
  const config = Object.fromEntries(
    allowed
      .map((name) => [snakeCase(name), argument(given[name])] as const)
      .filter(([, value]) => value !== undefined),
  );
  const weights = layer.weights.map((variable) => {
    const name = variable.originalName.split('/').at(-1)!;
    return { name, variable, ...(name === 'moving_variance' && { epsilon: Number(given.epsilon) }) };
  });
  return {
    className,
    name: layer.name,
    config: { trainable: layer.trainable, ...config },
    inputs: before,
    merges: MERGING.includes(className),
    weights,
    shape: layer.computeOutputShape(shapes.length === 1 ? shapes[0]! : shapes) as (number | null)[],
  };
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

/**
 * The model as JSON in Keras 2's layout, which whole-model `.h5` files have and Keras 3 reads too.
 *
 * @param name the model's name.
 */
export function keras2Config(name: string, layers: readonly KerasNewLayer[]): object {
  return {
    class_name: 'Functional',
    config: functionalConfig(name, layers, ({ className, name, config, inputs, shape }) => ({
      class_name: className,
      config: {
        name,
        dtype: 'float32',
        ...(inputs.length > 0 ? config : { batch_input_shape: shape, sparse: false, ragged: false }),
      },
      name,
      inbound_nodes: inputs.length > 0 ? [inputs.map((before) => [before.name, 0, 0, {}])] : [],
    })),
  };
}

/** The model as JSON in Keras 3's layout, which `.keras` files have. */
export function keras3Config(name: string, layers: readonly KerasNewLayer[]): object {
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: functionalConfig(name, layers, ({ className, name, config, inputs, merges, shape }) => {
      const outputs = inputs.map(outputOf);
      return {
        module: 'keras.layers',
        class_name: className,
        config: { name, dtype: 'float32', ...(inputs.length > 0 ? config : { batch_shape: shape }) },
        registered_name: null,
        name,
        inbound_nodes: inputs.length > 0 ? [{ args: merges ? [outputs] : outputs, kwargs: {} }] : [],
      };
    }),
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
  layers: readonly KerasNewLayer[],
  describe: (layer: KerasNewLayer) => object,
): object {
  return {
    name,
    trainable: true,
    layers: layers.map(describe),
    input_layers: [[layers[0]!.name, 0, 0]],
    output_layers: [[layers.at(-1)!.name, 0, 0]],
  };
}
