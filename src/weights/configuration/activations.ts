import { layers } from '@tensorflow/tfjs-layers';
import { printable } from '../formats/error.js';
import type { Fields } from './fields.js';
import { asRecord } from './graph.js';
import { onLastAxis, type Stage, unary } from './stage.js';

/** An activation that tfjs layers take as an argument. */
type Activation = Parameters<typeof layers.activation>[0]['activation'];

/** The activation of a layer: part of it, or a stage after it. */
export interface Activated {
  builtIn: Activation;
  after?: Stage;
}

/** Keras' activations that tfjs has, by their names in Keras. */
const BUILT_IN: Record<string, string> = {
  linear: 'linear',
  relu: 'relu',
  relu6: 'relu6',
  elu: 'elu',
  selu: 'selu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  softplus: 'softplus',
  softsign: 'softsign',
  softmax: 'softmax',
  log_softmax: 'logSoftmax',
  silu: 'swish',
  swish: 'swish',
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  mish: 'mish',
  // As tfjs writes them.
  hardSigmoid: 'hardSigmoid',
  logSoftmax: 'logSoftmax',
};

/** Keras' activations that layers of tfjs compute, by their names in Keras. */
const COMPOSED: Record<string, (fields: Fields) => Stage> = {
  // The function's default, in Keras and TensorFlow; the layer's is 0.3.
  leaky_relu: () => leaky(0.2),
  // TensorFlow.js has that of Keras 2, clip(0.2 x + 0.5, 0, 1); Keras 3's is clip(x / 6 + 0.5, 0, 1).
  hard_sigmoid: (fields) => hardSigmoid(fields.layer.version),
  hard_silu: (fields) => timesInput(hardSigmoid(fields.layer.version)),
  hard_swish: (fields) => timesInput(hardSigmoid(fields.layer.version)),
};

/** The layers that are activations. */
export const ACTIVATION_LAYERS: Record<string, (fields: Fields) => Stage> = {
  Activation(fields) {
    const { builtIn, after } = activationOf(fields);
    return after ?? activation(builtIn);
  },
  ReLU(fields) {
    const max = fields.take('max_value');
    const slope = fields.number('negative_slope', 0);
    const threshold = fields.number('threshold', 0);
    if (max !== undefined && typeof max !== 'number') fields.refuse('max_value', max, 'a number');
    if ([max !== undefined, slope !== 0, threshold !== 0].filter(Boolean).length > 1) {
      fields.fail(
        'has more than one of max_value, negative_slope and threshold, which TensorFlow.js does not compute together.',
      );
    }
    if (slope !== 0) return leaky(slope);
    if (threshold !== 0) return thresholded(threshold);
    return unary((x, site) =>
      site.apply('', (common) => layers.reLU({ ...common, maxValue: max as number | undefined }), x),
    );
  },
  LeakyReLU: (fields) => leaky(fields.number('negative_slope', 0.3, 'alpha')),
  ThresholdedReLU: (fields) => thresholded(fields.number('theta', 1)),
  ELU(fields) {
    const alpha = fields.number('alpha', 1);
    return alpha === 1
      ? unary((x, site) => site.apply('', (common) => layers.elu(common), x))
      : scaledElu(alpha);
  },
  Softmax(fields) {
    const axis = fields.take('axis') ?? -1;
    const one = Array.isArray(axis) && axis.length === 1 ? axis[0] : axis;
    if (!Number.isSafeInteger(one) || one === 0) fields.refuse('axis', axis, 'the index of one axis');
    return unary((x, site) =>
      onLastAxis(one, x, site, (last) =>
        site.apply('', (common) => layers.softmax({ ...common, axis: -1 }), last),
      ),
    );
  },
};

/**
 * The activation that a layer has as an argument: a name, the name of a function as Keras serializes it, or a layer.
 *
 * @throws WeightFileError when TensorFlow.js cannot compute it.
 */
export function activationOf(fields: Fields): Activated {
  const value = fields.take('activation') ?? 'linear';
  const { class_name: className, config, module, registered_name: registered } = asRecord(value);
  const isOwn = (module ?? 'builtins') === 'builtins' || String(module).startsWith('keras');
  if (typeof className === 'string' && Object.hasOwn(ACTIVATION_LAYERS, className) && isOwn) {
    const inner = fields.inner(className, config);
    const after = ACTIVATION_LAYERS[className]!(inner);
    inner.end();
    return { builtIn: 'linear', after };
  }
  const isFunction = className === 'function' && isOwn && (registered ?? 'function') === 'function';
  const name = isFunction ? (asRecord(config).class_name ?? config) : value;
  if (typeof name !== 'string')
    return fields.refuse('activation', value, "one of Keras' own that TensorFlow.js has");
  if (Object.hasOwn(BUILT_IN, name)) return { builtIn: BUILT_IN[name] as Activation };
  if (Object.hasOwn(COMPOSED, name)) return { builtIn: 'linear', after: COMPOSED[name]!(fields) };
  return fields.fail(
    `has the activation '${printable(name)}', which TensorFlow.js does not have; it has ${[...Object.keys(BUILT_IN), ...Object.keys(COMPOSED)].join(', ')}.`,
  );
}

/** A layer's suffix where it is the activation of another. */
function activation(builtIn: Activation): Stage {
  return unary((x, site) =>
    site.apply('', (common) => layers.activation({ ...common, activation: builtIn }), x),
  );
}

function leaky(alpha: number): Stage {
  return unary((x, site) => site.apply('', (common) => layers.leakyReLU({ ...common, alpha }), x));
}

function thresholded(theta: number): Stage {
  return unary((x, site) => site.apply('', (common) => layers.thresholdedReLU({ ...common, theta }), x));
}

function hardSigmoid(version: number): Stage {
  return unary((x, site) => {
    const scale = 5 / 6;
    const scaled =
      version === 3 ? site.apply('_scale', (common) => layers.rescaling({ ...common, scale }), x) : x;
    return site.apply('', (common) => layers.activation({ ...common, activation: 'hardSigmoid' }), scaled);
  });
}

function timesInput(gate: Stage): Stage {
  return unary((x, site) =>
    site.apply('_product', (common) => layers.multiply(common), [x, gate([x], site)]),
  );
}

/** ELU of any alpha: relu(x) (1 - alpha) + elu(x) alpha. */
function scaledElu(alpha: number): Stage {
  return unary((x, site) => {
    const parts = [
      { name: '_positive', layer: site.apply('_relu', (common) => layers.reLU(common), x), scale: 1 - alpha },
      { name: '_elu', layer: site.apply('', (common) => layers.elu(common), x), scale: alpha },
    ].map(({ name, layer, scale }) =>
      site.apply(`${name}_scaled`, (common) => layers.rescaling({ ...common, scale }), layer),
    );
    return site.apply('_sum', (common) => layers.add(common), parts);
  });
}
