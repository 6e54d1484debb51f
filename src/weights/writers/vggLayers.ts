import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { ADAPTIVE_SIZE } from '../../core/options.js';
import { isAverage } from '../../core/vgg.js';
import { inputShapeOf } from '../../tfjs/models.js';
import type { RecordedOptions } from '../names/recorded.js';
import type { Target } from '../names/targets.js';
import { graphOf } from './graph.js';

/** A layer with weights of a VGG. */
export interface VggLayer {
  /** Its name here and in Keras: `block1_conv1`, `block1_conv1_bn`, `fc1`, `predictions`. */
  name: string;
  kind: 'conv' | 'norm' | 'hidden' | 'last';
  /** Its number among the modules of the blocks (each ReLU and pooling is one), or among the fully connected layers. */
  index: number;
  weights: Target[];
}

/** A VGG as a file of weights alone describes it. */
export interface VggLayers {
  layers: VggLayer[];
  /** What names and shapes do not say. */
  unsaid: RecordedOptions;
  /** Height and width of the feature map that is averaged to 7x7, if it is. */
  averaged?: readonly (number | null)[];
  /** The channels of the feature map that the first fully connected layer takes flattened, if it does. */
  flattened?: number;
}

/**
 * The layers with weights of a VGG, named by their place in the network, whatever the model calls them.
 *
 * @throws RangeError when the model is not a VGG: a file that names weights and records no configuration would be read as
 *   another network.
 */
export function vggLayersOf(model: LayersModel): VggLayers {
  const [input, ...placed] = graphOf(model);
  const walk = new Walk();
  placed.forEach(({ layer, inputs }, i) => {
    if (inputs.length !== 1 || inputs[0] !== (placed[i - 1] ?? input)) {
      refuse(layer, 'does not take the output of the layer before it alone');
    }
    walk.take(layer);
  });
  return walk.end(model);
}

type Config = ReturnType<layers.Layer['getConfig']>;

/** Goes through the layers of a network in order and refuses the first that a VGG does not have there. */
class Walk {
  readonly #layers: VggLayer[] = [];
  readonly #unsaid: RecordedOptions = {};
  /** Where the walk is: in the blocks, in the convolutions of a convolutional top, or behind the feature map. */
  #stage: 'blocks' | 'convolutions' | 'vector' = 'blocks';
  #block = 1;
  #convs = 0;
  #modules = 0;
  #connected = 0;
  /** Whether the last layer with weights still lacks its ReLU. */
  #open = false;
  #flattened?: number;
  #bias?: boolean;
  /** The last layer of `adaptivePool`. */
  #averaged?: layers.Layer;
  /** Height and width of the feature map that `adaptivePool` takes. */
  #map?: (number | null)[];
  /** Of the last convolution. */
  #channels = 0;
  #last?: layers.Layer;

  take(layer: layers.Layer): void {
    const className = layer.getClassName();
    const config = layer.getConfig();
    if (this.#unsaid.classifierActivation) refuse(layer, 'follows a softmax');
    this.#last = layer;
    const isAdaptive = /^avgpool(_|$)/.test(layer.name) && this.#stage === 'blocks' && this.#betweenBlocks;
    if (isAdaptive) {
      this.#averaged = layer;
      this.#map ??= (layer.input as SymbolicTensor).shape.slice(1, 3);
    }
    if (className === 'Conv2D') this.#conv(layer, config);
    else if (className === 'BatchNormalization') this.#norm(layer, config);
    else if (className === 'MaxPooling2D') this.#pool(layer, config);
    else if (className === 'GlobalAveragePooling2D') this.#globalPool(layer, 'avg');
    else if (className === 'GlobalMaxPooling2D') this.#globalPool(layer, 'max');
    else if (className === 'Flatten') this.#flatten(layer);
    else if (className === 'Dense' && !isAverage(layer.name)) this.#dense(layer, config);
    else if (className === 'Activation') this.#activation(layer, config.activation);
    else if (className === 'Softmax') this.#activation(layer, 'softmax');
    else if (className === 'ReLU')
      this.#activation(layer, config.maxValue == null ? 'relu' : 'relu with a maximum');
    else if (!isAdaptive && (className !== 'Dropout' || this.#stage === 'blocks')) {
      refuse(layer, `is a layer that no VGG has there (${className})`);
    }
  }

  #conv(layer: layers.Layer, config: Config): void {
    const [height, width] = config.kernelSize as [number, number];
    const isOne = (value: unknown) => [value].flat().every((one) => one === 1);
    if (!isOne(config.strides) || !isOne(config.dilationRate) || config.dataFormat === 'channelsFirst') {
      refuse(layer, 'has strides, dilation or channels first');
    }
    const [square, valid] = [height === width, config.padding === 'valid'];
    if (this.#stage === 'blocks' && square && height === ADAPTIVE_SIZE && valid && this.#betweenBlocks) {
      this.#stage = 'convolutions';
    } else if (!square || (height !== 1 && (height !== 3 || this.#stage !== 'blocks'))) {
      refuse(layer, `has a window of ${height}x${width}`);
    }
    if (this.#stage === 'convolutions') this.#connect(layer, config);
    else this.#convInBlock(layer, config);
  }

  #convInBlock(layer: layers.Layer, { activation, kernelSize, padding }: Config): void {
    this.#checkClosed(layer);
    if (this.#stage !== 'blocks') refuse(layer, 'is a convolution behind the feature map');
    if ([kernelSize].flat()[0] === 3) this.#agree(layer, 'padding', padding as 'same' | 'valid');
    const bias = layer.weights.length === 2;
    this.#bias ??= bias;
    if (this.#bias !== bias) refuse(layer, `differs from the others (bias: ${bias})`);
    this.#convs++;
    this.#channels = layer.weights[0]!.shape.at(-1)!;
    this.#add(layer, 'conv', `block${this.#block}_conv${this.#convs}`, this.#modules++);
    this.#activate(layer, activation);
  }

  #norm(layer: layers.Layer, { axis, center, scale }: Config): void {
    const before = this.#layers.at(-1);
    const rank = (layer.input as SymbolicTensor).shape.length;
    if (this.#stage !== 'blocks' || this.#convs === 0 || before?.kind !== 'conv') {
      refuse(layer, 'does not follow a convolution');
    }
    if (center === false || scale === false || (axis !== -1 && axis !== rank - 1)) {
      refuse(layer, 'has no beta, no gamma or another axis');
    }
    this.#agree(layer, 'afterRelu', !this.#open);
    this.#add(layer, 'norm', `${before.name}_bn`, this.#modules++);
  }

  #pool(layer: layers.Layer, { poolSize, strides, padding }: Config): void {
    if ([poolSize, strides].flat().some((one) => one !== 2) || padding !== 'valid') {
      refuse(layer, 'is not a 2x2 pooling with stride 2');
    }
    if (this.#stage !== 'blocks' || this.#convs === 0) refuse(layer, 'does not end a block');
    this.#checkClosed(layer);
    this.#modules++;
    this.#block++;
    this.#convs = 0;
  }

  #globalPool(layer: layers.Layer, pooling: 'avg' | 'max'): void {
    if (this.#stage === 'convolutions' && pooling === 'avg') this.#checkClosed(layer);
    else {
      this.#checkBlocksEnd(layer);
      this.#unsaid.pooling = pooling;
    }
    this.#stage = 'vector';
  }

  #flatten(layer: layers.Layer): void {
    this.#checkBlocksEnd(layer);
    const [, ...map] = (layer.input as SymbolicTensor).shape;
    if (this.#averaged && map.slice(0, 2).some((side) => side !== ADAPTIVE_SIZE)) {
      refuse(this.#averaged, 'averages the feature map to another size than 7x7');
    }
    this.#averaged = undefined;
    this.#flattened = this.#channels;
    this.#stage = 'vector';
  }

  #dense(layer: layers.Layer, config: Config): void {
    if (this.#stage !== 'vector') refuse(layer, 'takes a feature map');
    this.#connect(layer, config);
  }

  /** A fully connected layer, or a convolution in place of one. */
  #connect(layer: layers.Layer, { activation }: Config): void {
    this.#checkClosed(layer);
    if (layer.weights.length !== 2) refuse(layer, 'has no bias');
    this.#connected++;
    this.#add(layer, 'hidden', `fc${this.#connected}`, this.#connected - 1);
    this.#activate(layer, activation);
  }

  #add(layer: layers.Layer, kind: VggLayer['kind'], name: string, index: number): void {
    const epsilon = Number(layer.getConfig().epsilon);
    const weights = layer.weights.map((variable): Target => {
      const last = variable.originalName.split('/').at(-1)!;
      return { role: `${name}/${last}`, variable, ...(last === 'moving_variance' && { epsilon }) };
    });
    this.#layers.push({ name, kind, index, weights });
  }

  /** The activation that is part of a layer. */
  #activate(layer: layers.Layer, activation: unknown): void {
    this.#open = true;
    if (activation !== 'linear' && activation != null) this.#activation(layer, activation);
  }

  #activation(layer: layers.Layer, activation: unknown): void {
    if (activation === 'softmax' && this.#stage === 'vector' && this.#open) {
      this.#unsaid.classifierActivation = 'softmax';
      return;
    }
    if (activation !== 'relu' || !this.#open) refuse(layer, `has the activation '${activation}'`);
    this.#open = false;
    if (this.#stage === 'blocks') this.#modules++;
  }

  /** Notes what a layer has, which all such layers of the network must have. */
  #agree<K extends 'padding' | 'afterRelu'>(
    layer: layers.Layer,
    key: K,
    value: NonNullable<RecordedOptions[K]>,
  ): void {
    this.#unsaid[key] ??= value;
    if (this.#unsaid[key] !== value) refuse(layer, `differs from the others (${key}: ${value})`);
  }

  #checkClosed(layer: layers.Layer): void {
    if (this.#open) refuse(layer, 'follows a layer without a ReLU');
  }

  /** Whether the last layer was the pooling of a block. */
  get #betweenBlocks(): boolean {
    return this.#convs === 0 && this.#block > 1;
  }

  #checkBlocksEnd(layer: layers.Layer): void {
    this.#checkClosed(layer);
    if (this.#stage !== 'blocks' || !this.#betweenBlocks) {
      refuse(layer, 'does not follow the pooling of a block');
    }
  }

  end(model: LayersModel): VggLayers {
    const last = this.#layers.at(-1);
    if (!last)
      fail('encodeWeights', "the model has no convolutions, so it is not a VGG; use container 'keras'.");
    if (this.#averaged) refuse(this.#averaged, 'averages a feature map that no top takes flattened');
    if (this.#stage === 'convolutions' || this.#convs > 0)
      refuse(this.#last!, 'ends the network inside a block');
    if (last.kind === 'hidden' && !this.#open) this.#unsaid.classes = 0;
    else if (last.kind === 'hidden') {
      last.kind = 'last';
      // As many outputs as inputs could also be a hidden layer.
      const [inputs, classes] = last.weights[0]!.variable.shape as [number, number];
      if (inputs === classes) this.#unsaid.classes = classes;
      last.name = 'predictions';
      last.weights = last.weights.map((one) => ({ ...one, role: one.role.replace(/^fc\d+/, 'predictions') }));
    }
    const withNorm = (name: string) => this.#layers.some((layer) => layer.name === `${name}_bn`);
    const convs = this.#layers.filter(({ kind }) => kind === 'conv');
    const without = convs.find(({ name }) => !withNorm(name));
    if (without && convs.some(({ name }) => withNorm(name))) {
      fail(
        'encodeWeights',
        `${without.name} has no batch normalization but other convolutions have, which a file of weights alone does not record; use container 'keras' or 'model.h5'.`,
      );
    }
    const { padding, afterRelu, ...others } = this.#unsaid;
    const unsaid = {
      ...others,
      ...(padding === 'valid' && { padding }),
      ...(afterRelu && { afterRelu }),
      ...this.#arch(),
      ...this.#size(model),
    };
    return { layers: this.#layers, unsaid, averaged: this.#map, flattened: this.#flattened };
  }

  /** The blocks of one convolution each, where PyTorch's numbers could also mean dropout between convolutions. */
  #arch(): Pick<RecordedOptions, 'arch'> {
    const convs = this.#layers
      .filter(({ kind }) => kind === 'conv')
      .map(({ weights }) => weights[0]!.variable.shape);
    if (convs.length !== this.#block - 1 || convs.length === 1) return {};
    return {
      arch: convs.map((shape) => {
        const channels = shape.at(-1)!;
        return shape[0] === 1 ? [0, channels, 1] : [1, channels];
      }),
    };
  }

  /**
   * The input shape of a top for one size, unless it is what the top's weights say: a square feature map, doubled per block. A map of
   * one position does not say it, since it has the weights of a top on pooled features.
   */
  #size(model: LayersModel): Pick<RecordedOptions, 'inputShape'> {
    const first = this.#layers.find(({ kind }) => kind === 'hidden' || kind === 'last');
    const [height, width, channels] = inputShapeOf(model) as [number | null, number | null, number];
    if (!first || this.#unsaid.pooling || height === null || width === null) return {};
    const shape = first.weights[0]!.variable.shape as number[];
    const positions = this.#flattened ? shape[0]! / this.#flattened : ADAPTIVE_SIZE ** 2;
    const natural = Math.sqrt(positions) * 2 ** (this.#block - 1);
    return positions > 1 && height === natural && width === natural && this.#unsaid.padding !== 'valid'
      ? {}
      : { inputShape: [height, width, channels] };
  }
}

/** The epsilon of a network's batch normalization; undefined if it has none. */
export function epsilonOf({ layers }: VggLayers): number | undefined {
  return layers.flatMap(({ weights }) => weights).find(({ epsilon }) => epsilon !== undefined)?.epsilon;
}

function refuse(layer: layers.Layer, what: string): never {
  fail(
    'encodeWeights',
    `the layer '${layer.name}' ${what}, which a file of weights alone does not record; use container 'keras' or 'model.h5'.`,
  );
}
