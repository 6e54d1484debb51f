import { checkSeed, fail, keyOf, oneOf, wholeNumber } from '../base/check.js';
import { type ConvArch, checkArch } from './arch.js';

/** `[height, width, channels]` of one image, as TensorFlow.js lays it out (NHWC without N). */
export type ImageShape = readonly [height: number, width: number, channels: number];

/** The distributions that kernels are drawn from; `'zeros'` draws nothing. */
export const INITIALIZERS = ['glorotUniform', 'glorotNormal', 'heUniform', 'heNormal', 'zeros'] as const;

/** The name of a distribution that kernels are drawn from. */
export type Initializer = (typeof INITIALIZERS)[number];

/** Options of every network in the library. */
export interface NetworkOptions {
  /** `[height, width, channels]`. Default `[224, 224, 1]`. */
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  /** Outputs of the last layer. Default 10. */
  classes?: number;
  /** Units of the two hidden fully connected layers. Default 4096. */
  hiddenUnits?: number;
  /** Fraction of hidden units dropped in training, at least 0 and below 1. Default 0.5; with 0 there are no dropout layers. */
  dropout?: number;
  /** `'linear'` (the default) gives logits, `'softmax'` probabilities. */
  classifierActivation?: 'linear' | 'softmax';
  /** Default `'glorotUniform'`, the chapter's Xavier. Biases start at zero. */
  initializer?: Initializer;
  /** Seed of the weights, a whole number from 0 to 4294967295. Default 0; the same seed gives the same bits. */
  seed?: number;
  /** The model's name. Default: that of the function, e.g. `'vgg16'`. */
  name?: string;
}

/** Settings of batch normalization. */
export interface BatchNormOptions {
  /** Added to the variance before the square root. Default 1e-5, as in PyTorch; Keras' own default is 1e-3. */
  epsilon?: number;
  /** Fraction of the running mean and variance that a training step keeps. Default 0.9 (PyTorch calls it 0.1). */
  momentum?: number;
}

/** Options of a VGG. */
export interface VggOptions extends NetworkOptions {
  /**
   * `[height, width, channels]`. Default `[224, 224, 1]`. Height and width are at least 2^blocks (32 for five blocks). With
   * `includeTop: false` either may be null, for any size.
   */
  inputShape?: NetworkOptions['inputShape'];
  /** Batch normalization between each convolution and its ReLU, as in torchvision's `vgg16_bn`. Default false. */
  batchNorm?: boolean | BatchNormOptions;
  /** The three fully connected layers. Default true. */
  includeTop?: boolean;
  /** Without top: global pooling of the features to one vector. Default none: the output is the last feature map. */
  pooling?: 'avg' | 'max';
  /**
   * Averages the last feature map to 7x7, like torchvision, so that a top trained at 224x224 fits any size. Default false: the
   * flatten follows the size (96x96 gives 3x3x512 = 4608 inputs to `fc1`).
   */
  adaptivePool?: boolean;
}

type Defaulted = Required<Omit<VggOptions, 'pooling' | 'name'>>;

/** A VGG's options with every default filled in and every rule checked. */
export interface ResolvedOptions extends Omit<Defaulted, 'batchNorm'> {
  batchNorm: false | Required<BatchNormOptions>;
  pooling: VggOptions['pooling'];
  name: string;
}

/** PyTorch's defaults. */
export const DEFAULT_BATCH_NORM: Required<BatchNormOptions> = { epsilon: 1e-5, momentum: 0.9 };

/** Height and width of the feature map that torchvision's classifier expects. */
export const ADAPTIVE_SIZE = 7;

const DEFAULTS: Defaulted = {
  inputShape: [224, 224, 1],
  classes: 10,
  hiddenUnits: 4096,
  dropout: 0.5,
  batchNorm: false,
  includeTop: true,
  adaptivePool: false,
  classifierActivation: 'linear',
  initializer: 'glorotUniform',
  seed: 0,
};

const OPTION_NAMES = [...Object.keys(DEFAULTS), 'pooling', 'name'];
const VGG_ONLY = ['batchNorm', 'includeTop', 'pooling', 'adaptivePool'];

/** Fills in the defaults and checks the rules of every network, before anything is allocated. */
export function resolveOptions(where: string, options: VggOptions, allowed = OPTION_NAMES): ResolvedOptions {
  for (const name of Object.keys(options)) oneOf(where, 'the option', name, allowed);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const defaulted = { name: where, pooling: undefined, ...DEFAULTS, ...given };
  const o: ResolvedOptions = { ...defaulted, batchNorm: resolveBatchNorm(where, defaulted.batchNorm) };
  if (!Array.isArray(o.inputShape) || o.inputShape.length !== 3) {
    fail(where, `inputShape is ${JSON.stringify(o.inputShape)}; pass [height, width, channels].`);
  }
  wholeNumber(where, 'the number of input channels', o.inputShape[2]);
  wholeNumber(where, 'classes', o.classes);
  wholeNumber(where, 'hiddenUnits', o.hiddenUnits);
  checkSeed(where, o.seed);
  if (!(o.dropout >= 0 && o.dropout < 1))
    fail(where, `dropout is ${o.dropout}; it must be at least 0 and below 1.`);
  oneOf(where, 'classifierActivation', o.classifierActivation, ['linear', 'softmax']);
  oneOf(where, 'initializer', o.initializer, INITIALIZERS);
  return o;
}

function resolveBatchNorm(where: string, given: VggOptions['batchNorm']): ResolvedOptions['batchNorm'] {
  if (!given) return false;
  if (given === true) return DEFAULT_BATCH_NORM;
  for (const name of Object.keys(given)) keyOf(where, "batchNorm's option", name, DEFAULT_BATCH_NORM);
  const { epsilon = DEFAULT_BATCH_NORM.epsilon, momentum = DEFAULT_BATCH_NORM.momentum } = given;
  if (!(epsilon > 0 && epsilon < 1))
    fail(where, `batchNorm's epsilon is ${epsilon}; it must be between 0 and 1.`);
  if (!(momentum >= 0 && momentum < 1)) {
    fail(where, `batchNorm's momentum is ${momentum}; it must be at least 0 and below 1.`);
  }
  return { epsilon, momentum };
}

/** `resolveOptions`, and the rules that tie a VGG's blocks to its input and its top. */
export function resolveVgg(where: string, arch: ConvArch, options: VggOptions): ResolvedOptions {
  checkArch(where, arch);
  const o = resolveOptions(where, options);
  oneOf(where, 'pooling', o.pooling, [undefined, 'avg', 'max']);
  if (o.pooling && o.includeTop) {
    fail(where, `pooling '${o.pooling}' needs includeTop: false; with the top, the features are flattened.`);
  }
  const [height, width] = o.inputShape;
  const minimum = 2 ** arch.length;
  for (const side of [height, width]) {
    if (side === null && !o.includeTop && !o.adaptivePool) continue;
    if (side === null) {
      fail(
        where,
        `input ${height}x${width} has no fixed size, which the flatten and adaptivePool need; pass both numbers or set includeTop: false.`,
      );
    }
    wholeNumber(where, 'the input height or width', side);
    if (side < minimum) {
      fail(
        where,
        `input ${height}x${width} is smaller than ${minimum}x${minimum}, and ${poolings(arch.length)} would leave nothing; use at least ${minimum}.`,
      );
    }
  }
  return o;
}

function poolings(n: number): string {
  const spelled =
    ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][n - 1] ?? String(n);
  return n === 1 ? 'a 2x2 pooling' : `${spelled} 2x2 poolings`;
}

/** The stride-4 convolution and three poolings reduce 65 pixels to 15, 7, 3 and 1; 64 would leave none. */
const ALEXNET_MINIMUM = 65;

/** Options of AlexNet: those of every network, with a fixed image size. */
export interface AlexNetOptions extends NetworkOptions {
  /** `[height, width, channels]`, at least 65x65. Default `[224, 224, 1]`. */
  inputShape?: ImageShape;
}

/** Fills in AlexNet's defaults and checks its rules. */
export function resolveAlexNet(
  where: string,
  options: AlexNetOptions,
): ResolvedOptions & { inputShape: ImageShape } {
  const o = resolveOptions(
    where,
    options,
    OPTION_NAMES.filter((name) => !VGG_ONLY.includes(name)),
  );
  const [height, width, channels] = o.inputShape;
  for (const side of [height, width]) {
    if (side === null || side < ALEXNET_MINIMUM) {
      fail(
        where,
        `input ${height}x${width} is smaller than ${ALEXNET_MINIMUM}x${ALEXNET_MINIMUM}, which its convolutions and poolings need; use at least ${ALEXNET_MINIMUM}.`,
      );
    }
    wholeNumber(where, 'the input height or width', side);
  }
  return { ...o, inputShape: [height!, width!, channels] };
}
