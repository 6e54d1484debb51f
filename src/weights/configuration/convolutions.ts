import { layers } from '@tensorflow/tfjs-layers';
import { activationOf } from './activations.js';
import type { Fields } from './fields.js';
import {
  type Common,
  channelsLast,
  type Initializer,
  type Site,
  type Stage,
  unary,
  within,
} from './stage.js';

/** Layers with a kernel: convolutions and dense layers. */
export const CONVOLUTION_LAYERS: Record<string, (fields: Fields) => Stage> = {
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
    const depthMultiplier = fields.number('depth_multiplier', 1);
    return apply((common, site) =>
      layers.separableConv2d({
        ...common,
        ...args,
        filters,
        depthMultiplier,
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
};

/** The arguments of every convolution, and how it is applied: with channels last, its activation after it. */
function convolution(fields: Fields) {
  const kernelSize = kernelSizeOf(fields);
  const strides = fields.pair('strides', 1, 'subsample');
  const padding = fields.oneOf('padding', ['valid', 'same'], 'border_mode');
  const dilationRate = fields.pair('dilation_rate', 1, 'atrous_rate');
  if (Math.max(...strides) > 1 && Math.max(...dilationRate) > 1) {
    fields.refuse('dilation_rate', dilationRate, `1, since its strides are ${strides}`);
  }
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
