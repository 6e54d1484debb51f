import { checkArguments, LIST, optionsOf, TEXT } from '../base/arguments.js';
import { checkSeed, fail, MAX_SIDE, numberThat, oneOf, shown, wholeNumber } from '../base/check.js';
import { type ConvArch, checkArch } from './arch.js';
import { featureSize, minimumSize, PADDINGS, type Padding } from './sizes.js';

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
  /**
   * Units of the hidden fully connected layers, which have ReLU: a number for two layers of as many, or a list with one number per
   * layer. Default 4096. `[]` leaves only the last layer, as in VGGs for CIFAR; `[512]` and `[1024, 256]` give one and two.
   */
  hiddenUnits?: number | readonly number[];
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
  /** Normalizes after the ReLU instead of before it. Default false. */
  afterRelu?: boolean;
}

/** Options of a VGG. */
export interface VggOptions extends NetworkOptions {
  /**
   * `[height, width, channels]`. Default `[224, 224, 1]`. Height and width are at least 2^blocks (32 for five blocks), and more
   * with padding 'valid' (150 for VGG-11). With `includeTop: false` or `pooling` either may be null, for
   * any size from that minimum on.
   */
  inputShape?: NetworkOptions['inputShape'];
  /**
   * Padding of the 3x3 convolutions: `'same'` (the default) keeps height and width, `'valid'` pads nothing, so that each takes 2
   * off both, as in TinyVGG.
   */
  padding?: Padding;
  /** Whether the convolutions add a bias. Default true. */
  convBias?: boolean;
  /** Batch normalization between each convolution and its ReLU, as in torchvision's `vgg16_bn`. Default false. */
  batchNorm?: boolean | BatchNormOptions;
  /** The fully connected layers. Default true. */
  includeTop?: boolean;
  /**
   * Global pooling of the last feature map to one number per channel. Default none: a top flattens the feature map, and without a
   * top it is the output.
   */
  pooling?: 'avg' | 'max';
  /**
   * Averages the last feature map to 7x7, like torchvision, so that a top trained at 224x224 fits any size. Default false: the
   * flatten follows the size (96x96 gives 3x3x512 = 4608 inputs to `fc1`).
   */
  adaptivePool?: boolean;
  /**
   * The hidden layers as convolutions without padding, so that a top for 224x224 fits larger images: the first with a window of
   * 7x7, the others of 1x1, then global average pooling and the last layer. These are the logits of the dense evaluation of
   * Simonyan & Zisserman (2014), section 3.2, and timm's way with images above 224. Default false.
   */
  convolutionalTop?: boolean;
}

type Defaulted = Required<Omit<VggOptions, 'pooling' | 'name'>>;

/** A VGG's options with every default filled in and every rule checked. */
export interface ResolvedOptions extends Omit<Defaulted, 'batchNorm' | 'hiddenUnits'> {
  /** Units of each hidden layer. */
  hiddenUnits: readonly number[];
  batchNorm: false | Required<BatchNormOptions>;
  pooling: VggOptions['pooling'];
  name: string;
}

/** How a block's convolutions are built. */
export type BlockStyle = Pick<ResolvedOptions, 'padding' | 'convBias' | 'batchNorm'>;

/** The names of the layers of `pooling`. */
export const GLOBAL_POOLING = { avg: 'global_average_pooling2d', max: 'global_max_pooling2d' } as const;

/** PyTorch's defaults. */
export const DEFAULT_BATCH_NORM: Required<BatchNormOptions> = {
  epsilon: 1e-5,
  momentum: 0.9,
  afterRelu: false,
};

const BATCH_NORM_NAMES = { epsilon: 1, momentum: 1, afterRelu: 1 } as const;

/** Maximum units of a layer, and classes. */
export const MAX_UNITS = 2 ** 20;

/** Height and width of the feature map that torchvision's classifier expects. */
export const ADAPTIVE_SIZE = 7;

const DEFAULTS: Defaulted = {
  inputShape: [224, 224, 1],
  classes: 10,
  hiddenUnits: 4096,
  dropout: 0.5,
  padding: 'same',
  convBias: true,
  batchNorm: false,
  includeTop: true,
  adaptivePool: false,
  convolutionalTop: false,
  classifierActivation: 'linear',
  initializer: 'glorotUniform',
  seed: 0,
};

/** The names of a VGG's options. */
export const OPTION_NAMES = [...Object.keys(DEFAULTS), 'pooling', 'name'] as (keyof VggOptions)[];
const SWITCHES = ['convBias', 'includeTop', 'adaptivePool', 'convolutionalTop'] as const;

/** Fills in the defaults and checks the rules of every network, before anything is allocated. */
export function resolveOptions(
  where: string,
  options: VggOptions,
  allowed: readonly (keyof VggOptions)[] = OPTION_NAMES,
): ResolvedOptions {
  const known = optionsOf(where, options, allowed);
  const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
  const defaulted = { name: where, pooling: undefined, ...DEFAULTS, ...given };
  const o: ResolvedOptions = {
    ...defaulted,
    hiddenUnits: resolveHiddenUnits(where, defaulted.hiddenUnits),
    batchNorm: resolveBatchNorm(where, defaulted.batchNorm),
  };
  if (!LIST.holds(o.inputShape) || o.inputShape.length !== 3) {
    fail(where, `inputShape is ${shown(o.inputShape)}; pass [height, width, channels].`);
  }
  for (const [i, side] of o.inputShape.entries())
    if (side !== null || i === 2) wholeNumber(where, 'inputShape', side as number, 1, MAX_SIDE);
  wholeNumber(where, 'classes', o.classes, 1, MAX_UNITS);
  if (o.name !== undefined) checkArguments(where, { name: o.name }, { name: TEXT });
  for (const name of SWITCHES) oneOf(where, name, o[name], [true, false]);
  oneOf(where, 'padding', o.padding, PADDINGS);
  checkSeed(where, o.seed);
  const isFraction = (n: number) => n >= 0 && n < 1;
  numberThat(where, 'dropout', o.dropout, isFraction, 'at least 0 and below 1');
  oneOf(where, 'classifierActivation', o.classifierActivation, ['linear', 'softmax']);
  oneOf(where, 'initializer', o.initializer, INITIALIZERS);
  return o;
}

function resolveHiddenUnits(where: string, given: number | readonly number[]): readonly number[] {
  if (!Array.isArray(given))
    return Array(2).fill(wholeNumber(where, 'hiddenUnits', given as number, 1, MAX_UNITS));
  for (const [i, units] of given.entries()) wholeNumber(where, `hiddenUnits[${i}]`, units, 1, MAX_UNITS);
  return given;
}

function resolveBatchNorm(where: string, given: VggOptions['batchNorm']): ResolvedOptions['batchNorm'] {
  if (given === false) return false;
  if (given === true) return DEFAULT_BATCH_NORM;
  const of = `${where}: batchNorm`;
  const {
    epsilon = DEFAULT_BATCH_NORM.epsilon,
    momentum = DEFAULT_BATCH_NORM.momentum,
    afterRelu = DEFAULT_BATCH_NORM.afterRelu,
  } = optionsOf(of, given as BatchNormOptions, BATCH_NORM_NAMES);
  numberThat(of, 'epsilon', epsilon, (n) => n > 0 && n < 1, 'between 0 and 1');
  numberThat(of, 'momentum', momentum, (n) => n >= 0 && n < 1, 'at least 0 and below 1');
  oneOf(of, 'afterRelu', afterRelu, [true, false]);
  return { epsilon, momentum, afterRelu };
}

/** `resolveOptions`, and the rules that tie a VGG's blocks to its input and its top. */
export function resolveVgg(where: string, arch: ConvArch, options: VggOptions): ResolvedOptions {
  checkArch(where, arch);
  const o = resolveOptions(where, options);
  oneOf(where, 'pooling', o.pooling, [undefined, 'avg', 'max']);
  if (o.convolutionalTop) checkConvolutionalTop(where, o);
  const needs = needsFixedSize(o);
  const [height, width] = o.inputShape;
  const size = `input ${height}x${width}`;
  const window = o.convolutionalTop ? ADAPTIVE_SIZE : 1;
  for (const side of [height, width]) {
    if (side === null) {
      if (!needs) continue;
      fail(where, `${size} has no fixed size, which ${needs}.`);
    }
    wholeNumber(where, 'the input height or width', side);
    if (featureSize(arch, side, o.padding) < window) {
      const minimum = minimumSize(arch, o.padding, window);
      const left = o.convolutionalTop ? `less than fc1's window of ${window}x${window}` : 'nothing';
      fail(
        where,
        `${size} is smaller than ${minimum}x${minimum}, and ${shrinking(arch, o.padding)} would leave ${left}; use at least ${minimum}.`,
      );
    }
  }
  return o;
}

/** What needs a fixed image size, and the way on; undefined if nothing does. */
function needsFixedSize(o: ResolvedOptions): string | undefined {
  if (o.adaptivePool) return 'adaptivePool needs; pass both numbers';
  if (!o.includeTop || o.pooling) return undefined;
  // tfjs does not refuse a feature map smaller than a window.
  if (o.convolutionalTop) return 'convolutionalTop needs; pass both numbers';
  return 'the flatten needs; pass both numbers, or set pooling or includeTop: false';
}

function checkConvolutionalTop(where: string, o: ResolvedOptions): void {
  if (!o.includeTop)
    fail(where, 'convolutionalTop needs the top, which includeTop: false leaves out; omit one.');
  if (o.hiddenUnits.length === 0) {
    fail(
      where,
      "convolutionalTop makes convolutions of the hidden layers, and hiddenUnits is []; set pooling: 'avg' instead.",
    );
  }
  for (const name of ['adaptivePool', 'pooling'] as const) {
    if (!o[name]) continue;
    fail(
      where,
      `${name} is ${shown(o[name])}, but convolutionalTop takes the last feature map as it is and averages after the hidden layers; omit one.`,
    );
  }
}

/** The layers that make a feature map smaller: `two 3x3 convolutions without padding and a 2x2 pooling`. */
function shrinking(arch: ConvArch, padding: Padding): string {
  const convs = padding === 'valid' ? arch.reduce((sum, [threes]) => sum + threes, 0) : 0;
  const poolings = counted(arch.length, '2x2 pooling');
  return convs > 0 ? `${counted(convs, '3x3 convolution')} without padding and ${poolings}` : poolings;
}

function counted(n: number, thing: string): string {
  const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
  return n === 1 ? `a ${thing}` : `${words[n - 1] ?? n} ${thing}s`;
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
  const ofVgg: readonly string[] = ['padding', 'batchNorm', 'pooling', ...SWITCHES];
  const names = OPTION_NAMES.filter((name) => !ofVgg.includes(name));
  const o = resolveOptions(where, options, names);
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
