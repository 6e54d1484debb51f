import { tensor } from '@tensorflow/tfjs-core';
import { initializers, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { size } from '../../base/shapes.js';
import { ACTIVATION_LAYERS, activationOf } from './activations.js';
import type { Fields } from './fields.js';
import { asRecord } from './parse.js';
import {
  type Common,
  channelsLast,
  type Initializer,
  onLastAxis,
  type Site,
  type Stage,
  unary,
} from './stage.js';

/**
 * Layers that Keras makes the identity in prediction: augmentation, and noise other than dropout. They are left out.
 * RandomCrop is not among them, because it crops in prediction too.
 */
const IDENTITY = new Set([
  ...[
    'RandomFlip',
    'RandomRotation',
    'RandomZoom',
    'RandomTranslation',
    'RandomContrast',
    'RandomBrightness',
    'RandomShear',
  ],
  ...[
    'RandomHue',
    'RandomSaturation',
    'RandomSharpness',
    'RandomColorJitter',
    'RandomColorDegeneration',
    'RandomGrayscale',
  ],
  ...[
    'RandomInvert',
    'RandomPosterization',
    'RandomErasing',
    'RandomGaussianBlur',
    'RandomPerspective',
    'RandomElasticTransform',
  ],
  ...['RandomHeight', 'RandomWidth', 'RandAugment', 'AugMix', 'MixUp', 'CutMix'],
  ...[
    'SpatialDropout1D',
    'SpatialDropout2D',
    'GaussianNoise',
    'GaussianDropout',
    'AlphaDropout',
    'ActivityRegularization',
    'Identity',
  ],
]);

/** Whether a layer is the identity in prediction, so that it is left out. */
export function isLeftOut(className: string): boolean {
  return IDENTITY.has(className);
}

/**
 * What tfjs-layers computes for each of Keras' layers. Arguments are read one by one; those that are left over are refused by
 * `Fields.end`.
 */
const LAYERS: Record<string, (fields: Fields) => Stage> = {
  ...ACTIVATION_LAYERS,
  Conv2D(fields) {
    const { apply, ...args } = convolution(fields);
    const filters = fields.count('filters', 'nb_filter');
    fields.only('groups', 1);
    return apply((common, site) =>
      layers.conv2d({ ...common, ...args, filters, kernelInitializer: site.unfilled() }),
    );
  },
  Conv2DTranspose(fields) {
    const { apply, ...args } = convolution(fields);
    const filters = fields.count('filters');
    fields.only('output_padding', null);
    if (args.dilationRate.some((rate) => rate !== 1)) fields.refuse('dilation_rate', args.dilationRate, '1');
    return apply((common, site) =>
      layers.conv2dTranspose({ ...common, ...args, filters, kernelInitializer: site.unfilled() }),
    );
  },
  DepthwiseConv2D(fields) {
    const { apply, ...args } = convolution(fields);
    const depthMultiplier = fields.number('depth_multiplier', 1);
    if (args.dilationRate.some((rate) => rate !== 1)) fields.refuse('dilation_rate', args.dilationRate, '1');
    return apply((common, site) =>
      layers.depthwiseConv2d({ ...common, ...args, depthMultiplier, depthwiseInitializer: site.unfilled() }),
    );
  },
  SeparableConv2D(fields) {
    const { apply, ...args } = convolution(fields);
    const filters = fields.count('filters', 'nb_filter');
    // tfjs computes another multiplier, but does not save it.
    fields.only('depth_multiplier', 1);
    return apply((common, site) =>
      layers.separableConv2d({
        ...common,
        ...args,
        filters,
        depthwiseInitializer: site.unfilled(),
        pointwiseInitializer: site.unfilled(),
      }),
    );
  },
  Dense(fields) {
    const units = fields.count('units', 'output_dim');
    const useBias = fields.flag('use_bias', true, 'bias');
    const { builtIn, after } = activationOf(fields);
    return unary((x, site) => {
      const y = site.apply(
        '',
        (common) =>
          layers.dense({
            ...common,
            units,
            useBias,
            activation: builtIn,
            kernelInitializer: site.unfilled(),
            biasInitializer: site.unfilled(),
          }),
        x,
      );
      return after ? after([y], within(site, '_activation')) : y;
    });
  },
  MaxPooling2D: (fields) => pooling(fields, layers.maxPooling2d),
  AveragePooling2D: (fields) => pooling(fields, layers.averagePooling2d),
  GlobalAveragePooling2D: (fields) => globalPooling(fields, layers.globalAveragePooling2d),
  GlobalMaxPooling2D: (fields) => globalPooling(fields, layers.globalMaxPooling2d),
  ZeroPadding2D(fields) {
    const padding = borders(fields, 'padding');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.zeroPadding2d({ ...common, padding }), x),
    );
  },
  Cropping2D(fields) {
    const cropping = borders(fields, 'cropping');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.cropping2D({ ...common, cropping }), x),
    );
  },
  CenterCrop(fields) {
    const [height, width] = [fields.count('height'), fields.count('width')];
    return spatial(fields, (x, site) => {
      const sizes = x.shape.slice(1, 3).map((size, i) => (size ?? 0) - [height, width][i]!);
      if (sizes.some((size) => size < 0)) {
        fields.fail(
          `crops ${x.shape.slice(1, 3).join('x')} to ${height}x${width}, which is known to be a crop only for larger images of a fixed size; pass inputShape.`,
        );
      }
      const cropping = sizes.map((size) => [Math.floor(size / 2), size - Math.floor(size / 2)]) as [
        [number, number],
        [number, number],
      ];
      return site.apply('', (common) => layers.cropping2D({ ...common, cropping }), x);
    });
  },
  UpSampling2D(fields) {
    const size = fields.pair('size', 2);
    fields.only('interpolation', 'nearest');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.upSampling2d({ ...common, size }), x),
    );
  },
  Flatten(fields) {
    const first = fields.channelsFirst();
    return unary((x, site) => {
      // Keras moves the channels of a map to the end before it flattens.
      const rank = x.shape.length;
      const dims = Array.from({ length: rank - 1 }, (_, i) => (i === rank - 2 ? 1 : i + 2));
      const last =
        first && rank > 2
          ? site.apply('_channels_last', (common) => layers.permute({ ...common, dims }), x)
          : x;
      return site.apply('', (common) => layers.flatten(common), last);
    });
  },
  Reshape(fields) {
    const target = fields.take('target_shape');
    if (!Array.isArray(target) || !target.every((one) => one === null || Number.isSafeInteger(one)))
      fields.refuse('target_shape', target, 'a list of whole numbers');
    const targetShape = (target as (number | null)[]).map((length) => (length === -1 ? null : length));
    return unary((x, site) => site.apply('', (common) => layers.reshape({ ...common, targetShape }), x));
  },
  Permute(fields) {
    const dims = fields.take('dims');
    if (!Array.isArray(dims) || !dims.every(Number.isSafeInteger))
      fields.refuse('dims', dims, 'a list of whole numbers');
    return unary((x, site) =>
      site.apply('', (common) => layers.permute({ ...common, dims: dims as number[] }), x),
    );
  },
  RepeatVector(fields) {
    const n = fields.count('n');
    return unary((x, site) => site.apply('', (common) => layers.repeatVector({ ...common, n }), x));
  },
  Dropout(fields) {
    const rate = fields.number('rate', 0, 'p');
    fields.take('noise_shape');
    return unary((x, site) => site.apply('', (common) => layers.dropout({ ...common, rate }), x));
  },
  PReLU(fields) {
    const axes = fields.take('shared_axes');
    const sharedAxes =
      axes === undefined || (Array.isArray(axes) && axes.every(Number.isSafeInteger))
        ? axes
        : fields.refuse('shared_axes', axes, 'a list of axes');
    return unary((x, site) =>
      site.apply(
        '',
        (common) =>
          layers.prelu({
            ...common,
            sharedAxes: sharedAxes as number[] | undefined,
            alphaInitializer: site.unfilled(),
          }),
        x,
      ),
    );
  },
  BatchNormalization(fields) {
    const axis = axisOf(fields);
    const [epsilon, momentum] = [fields.number('epsilon', 1e-3), fields.number('momentum', 0.99)];
    const [center, scale] = [fields.flag('center', true), fields.flag('scale', true)];
    fields.only('mode', 0);
    return unary((x, site) =>
      onLastAxis(axis, x, site, (last) =>
        site.apply(
          '',
          (common) =>
            layers.batchNormalization({
              ...common,
              axis: -1,
              epsilon,
              momentum,
              center,
              scale,
              gammaInitializer: site.unfilled(),
              betaInitializer: site.unfilled(),
              movingMeanInitializer: site.unfilled(),
              movingVarianceInitializer: site.unfilled(),
            }),
          last,
        ),
      ),
    );
  },
  LayerNormalization(fields) {
    const axis = axisOf(fields);
    const epsilon = fields.number('epsilon', 1e-3);
    const [center, scale] = [fields.flag('center', true), fields.flag('scale', true)];
    fields.only('rms_scaling', false);
    return unary((x, site) =>
      onLastAxis(axis, x, site, (last) =>
        site.apply(
          '',
          (common) =>
            layers.layerNormalization({
              ...common,
              axis: -1,
              epsilon,
              center,
              scale,
              gammaInitializer: site.unfilled(),
              betaInitializer: site.unfilled(),
            }),
          last,
        ),
      ),
    );
  },
  Rescaling(fields) {
    const [scale, offset] = [numbersOf(fields, 'scale', 1), numbersOf(fields, 'offset', 0)];
    if (scale.length === 1 && offset.length === 1) {
      return unary((x, site) =>
        site.apply('', (common) => layers.rescaling({ ...common, scale: scale[0]!, offset: offset[0]! }), x),
      );
    }
    return unary((x, site) => affine(fields, x, site, { scale, offset }));
  },
  Normalization(fields) {
    const axis = fields.take('axis');
    const axes = Array.isArray(axis) ? axis : [axis];
    const invert = fields.flag('invert', false);
    const given = fields.take('mean') !== undefined;
    const [mean, variance] = [numbersOf(fields, 'mean', 0), numbersOf(fields, 'variance', 1)];
    return unary((x, site) => {
      const rank = x.shape.length;
      const ofChannels = axes.length === 1 && (axes[0] === -1 || axes[0] === rank - 1);
      const scalar = axes.length === 0 || axis === undefined;
      if (!ofChannels && !scalar) fields.refuse('axis', axis, 'the last one, or null');
      if (given) return affine(fields, x, site, normalizing(mean, variance, invert));
      const shape = scalar ? [] : [x.shape.at(-1) ?? 0];
      site.derive({
        weights: [{ name: 'mean', shape }, { name: 'variance', shape }, { name: 'count' }],
        compute([m, v]) {
          if (v!.some((one) => one < 0)) fields.fail('has a negative variance; adapt it again.');
          return constantsOf(normalizing([...m!], [...v!], invert), x);
        },
      });
      return affine(fields, x, site, { scale: [0], offset: [0] });
    });
  },
  Add: (fields) => merging(fields, layers.add),
  Multiply: (fields) => merging(fields, layers.multiply),
  Average: (fields) => merging(fields, layers.average),
  Maximum: (fields) => merging(fields, layers.maximum),
  Minimum: (fields) => merging(fields, layers.minimum),
  Concatenate(fields) {
    // The operation of this name, which has another default, does not always write it.
    const axis = fields.layer.version === 3 ? fields.take('axis') : fields.number('axis', -1);
    if (typeof axis !== 'number') fields.refuse('axis', axis, 'the index of an axis');
    return merging(fields, (common) => layers.concatenate({ ...common, axis: axis as number }));
  },
  Subtract: (fields) => (inputs, site) => {
    const [a, ...others] = inputs as [SymbolicTensor, ...SymbolicTensor[]];
    const negative = others.map((b) =>
      site.apply('_negative', (common) => layers.rescaling({ ...common, scale: -1 }), b),
    );
    return merging(fields, layers.add)([a, ...negative], site);
  },
  // Keras 1's layer for all of them.
  Merge(fields) {
    const modes = { sum: layers.add, mul: layers.multiply, ave: layers.average, max: layers.maximum };
    const mode = fields.oneOf('mode', ['sum', 'mul', 'ave', 'max', 'concat']);
    const axis = fields.number('concat_axis', -1);
    for (const name of [
      'dot_axes',
      'output_shape',
      'output_mask',
      'arguments',
      'mode_type',
      'output_shape_type',
      'node_indices',
      'tensor_indices',
    ])
      fields.take(name);
    return merging(fields, (common) =>
      mode === 'concat' ? layers.concatenate({ ...common, axis }) : modes[mode](common),
    );
  },
};

const PREPARE = 'leave it out of the model, and prepare the images before';

/** What to do about layers that people often have. */
const HINTS: Record<string, string> = {
  Lambda: "nothing in a file is executed, so replace it by Keras' layers",
  Resizing: PREPARE,
  RandomCrop: PREPARE,
  TFOpLambda: "it is an operation, so replace it by Keras' layers, such as Rescaling",
  SlicingOpLambda: "it is an operation, so replace it by Keras' layers",
};

/**
 * What a layer computes.
 *
 * @throws WeightFileError when tfjs-layers has no such layer, or does not compute one of its arguments.
 */
export function stageOf(fields: Fields): Stage {
  const { className } = fields.layer;
  if (isLeftOut(className)) return ([x]) => x!;
  if (!Object.hasOwn(LAYERS, className)) {
    fields.fail(
      `is not a layer that TensorFlow.js computes as Keras does; ${Object.hasOwn(HINTS, className) ? HINTS[className] : 'save a model without it'}.`,
    );
  }
  const stage = LAYERS[className]!(fields);
  fields.end();
  return stage;
}

/** The arguments of every convolution, and how it is applied: with channels last, its activation after it. */
function convolution(fields: Fields) {
  const kernelSize = kernelSizeOf(fields);
  const strides = fields.pair('strides', 1, 'subsample');
  const padding = fields.oneOf('padding', ['valid', 'same'], 'border_mode');
  const dilationRate = fields.pair('dilation_rate', 1, 'atrous_rate');
  const useBias = fields.flag('use_bias', true, 'bias');
  const { builtIn, after } = activationOf(fields);
  const first = fields.channelsFirst();
  if (first && fields.layer.version === 1) {
    fields.fail(
      "has dim_ordering 'th', whose kernels Keras 1 stored in Theano's order; load it in Keras 2 with TensorFlow and save it again.",
    );
  }
  // Along a channel axis that is not the last one, softmax would take another sum.
  const fused = !first || (builtIn !== 'softmax' && String(builtIn) !== 'logSoftmax');
  const apply =
    (create: (common: Common & { biasInitializer: Initializer }, site: Site) => layers.Layer): Stage =>
    ([x], site) => {
      const y = channelsLast(first, x!, site, (last) =>
        site.apply('', (common) => create({ ...common, biasInitializer: site.unfilled() }, site), last),
      );
      if (after) return after([y], within(site, '_activation'));
      return fused
        ? y
        : site.apply('_activation', (common) => layers.activation({ ...common, activation: builtIn }), y);
    };
  return {
    kernelSize,
    strides,
    padding,
    dilationRate,
    useBias,
    activation: fused ? builtIn : ('linear' as const),
    apply,
  };
}

function kernelSizeOf(fields: Fields): [number, number] {
  const [rows, columns] = [fields.take('nb_row'), fields.take('nb_col')];
  if (rows === undefined) return fields.pair('kernel_size', 0);
  return [rows, columns].every(Number.isSafeInteger)
    ? [rows as number, columns as number]
    : fields.refuse('nb_row', rows, 'a whole number');
}

/** The layers of an activation after a layer. */
function within(site: Site, suffix: string): Site {
  return { ...site, apply: (inner, create, x) => site.apply(`${suffix}${inner}`, create, x) };
}

function spatial(fields: Fields, compute: (x: SymbolicTensor, site: Site) => SymbolicTensor): Stage {
  const first = fields.channelsFirst();
  return unary((x, site) => channelsLast(first, x, site, (last) => compute(last, site)));
}

function pooling(
  fields: Fields,
  create: (args: Parameters<typeof layers.maxPooling2d>[0]) => layers.Layer,
): Stage {
  const poolSize = fields.pair('pool_size', 2);
  const strides = fields.pair('strides', poolSize);
  const padding = fields.oneOf('padding', ['valid', 'same'], 'border_mode');
  return spatial(fields, (x, site) => {
    const sizes = x.shape.slice(1, 3);
    // tfjs's wasm backend writes outside its memory for such a window.
    if (sizes.some((size, i) => size !== null && size < poolSize[i]!)) {
      fields.fail(`has a window of ${poolSize.join('x')}, larger than its input of ${sizes.join('x')}.`);
    }
    return site.apply('', (common) => create({ ...common, poolSize, strides, padding }), x);
  });
}

function globalPooling(fields: Fields, create: (args: Common) => layers.Layer): Stage {
  const first = fields.channelsFirst();
  const keepDims = fields.flag('keepdims', false);
  return unary((x, site) => {
    const pooled = channelsLast(first, x, site, (last) => site.apply('', (common) => create(common), last));
    const channels = pooled.shape.at(-1)!;
    const targetShape = first ? [channels, 1, 1] : [1, 1, channels];
    return keepDims
      ? site.apply('_keepdims', (common) => layers.reshape({ ...common, targetShape }), pooled)
      : pooled;
  });
}

function merging(fields: Fields, create: (args: Common) => layers.Layer): Stage {
  return (inputs, site) => {
    if (inputs.length < 2) fields.fail('merges a single tensor.');
    // Layers of Keras align tensors of different ranks at the left, its operations of the same names at the right.
    const ranks = new Set(inputs.map(({ shape }) => shape.length));
    if (ranks.size > 1)
      fields.fail(`merges tensors of ${[...ranks].join(' and ')} axes; reshape them to as many.`);
    return site.apply('', (common) => create(common), inputs);
  };
}

/** An axis, which may be given as a list of one. */
function axisOf(fields: Fields): number {
  const value = fields.take('axis') ?? -1;
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return Number.isSafeInteger(axis) && axis !== 0
    ? (axis as number)
    : fields.refuse('axis', value, 'the index of one axis');
}

/** Rows or columns to add or to cut: top and bottom, left and right. */
function borders(fields: Fields, name: string): [[number, number], [number, number]] {
  const value = fields.take(name) ?? (name === 'padding' ? 1 : 0);
  const isLength = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 0;
  const both = Array.isArray(value) ? value : [value, value];
  const pairs = both.map((one) => (Array.isArray(one) ? one : [one, one]));
  const valid = pairs.length === 2 && pairs.every((pair) => pair.length === 2 && pair.every(isLength));
  return valid
    ? (pairs as [[number, number], [number, number]])
    : fields.refuse(name, value, 'one, two or four whole numbers');
}

/** One number or a list of them, which Keras 3 may write as a serialized array. */
function numbersOf(fields: Fields, name: string, fallback: number): number[] {
  const value = fields.take(name) ?? fallback;
  const { class_name: className, config } = asRecord(value);
  const list = className === '__numpy__' || className === '__tensor__' ? asRecord(config).value : value;
  const numbers = [list].flat(4);
  return numbers.every((one) => typeof one === 'number')
    ? (numbers as number[])
    : fields.refuse(name, value, 'a number or a list of numbers');
}

/** (x - mean) / max(sqrt(variance), 1e-7), as Keras computes it, or its inverse. */
function normalizing(mean: number[], variance: number[], invert: boolean): Affine {
  const deviations = variance.map((one) => Math.max(Math.sqrt(one), 1e-7));
  if (invert) return { scale: deviations, offset: mean };
  return {
    scale: deviations.map((one) => 1 / one),
    offset: mean.map((one, i) => -one / deviations[i % deviations.length]!),
  };
}

/** `scale * x + offset`, each number for all channels or a list of one for each. */
interface Affine {
  scale: number[];
  offset: number[];
}

/**
 * Computes `scale * x + offset` by constants of a 1x1 depthwise convolution, or of a dense layer with a diagonal kernel where
 * `x` is not a map. They stay constant in training.
 */
function affine(fields: Fields, x: SymbolicTensor, site: Site, values: Affine): SymbolicTensor {
  const channels = x.shape.at(-1);
  if (!channels || channels > MAX_CHANNELS)
    fields.fail(`has ${channels ?? 'no fixed number of'} channels; at most ${MAX_CHANNELS} are supported.`);
  const wrong = [values.scale, values.offset].find(({ length }) => length !== 1 && length !== channels);
  if (wrong) fields.fail(`has ${wrong.length} numbers for ${channels} channels.`);
  const [kernel, bias] = constantsOf(values, x).map((numbers, i) => constant(numbers, shapesOf(x)[i]!));
  const args = { trainable: false, biasInitializer: bias };
  site.derive({ weights: [], compute: () => [] });
  return site.apply(
    '',
    (common) =>
      x.shape.length === 4
        ? layers.depthwiseConv2d({ ...common, ...args, kernelSize: 1, depthwiseInitializer: kernel })
        : layers.dense({ ...common, ...args, units: channels, kernelInitializer: kernel }),
    x,
  );
}

/** A diagonal kernel has the square of the channels; images have few. */
const MAX_CHANNELS = 4096;

/** Kernel and bias. */
function shapesOf({ shape }: SymbolicTensor): number[][] {
  const channels = shape.at(-1)!;
  return [shape.length === 4 ? [1, 1, channels, 1] : [channels, channels], [channels]];
}

function constantsOf({ scale, offset }: Affine, x: SymbolicTensor): Float32Array[] {
  const channels = x.shape.at(-1)!;
  const at = (numbers: number[], i: number) => numbers[numbers.length === 1 ? 0 : i]!;
  const step = x.shape.length === 4 ? 1 : channels + 1;
  const kernel = new Float32Array(size(shapesOf(x)[0]!));
  for (let i = 0; i < channels; i++) kernel[i * step] = at(scale, i);
  return [kernel, Float32Array.from({ length: channels }, (_, i) => at(offset, i))];
}

function constant(numbers: Float32Array, shape: number[]): Initializer {
  const initializer = initializers.zeros();
  initializer.apply = () => tensor(numbers, shape);
  return initializer;
}
