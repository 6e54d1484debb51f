import { WeightFileError } from '../formats/error.js';
import { activationOf } from './activations.js';
import { Fields } from './fields.js';
import type { KerasLayer, KerasModel } from './graph.js';

/** A layer as far as a VGG has such layers. */
export type Op = { layer: KerasLayer } & (
  | { kind: 'conv'; window: 1 | 3; filters: number; padding: 'same' | 'valid'; bias: boolean; relu: boolean }
  | { kind: 'batchNorm'; epsilon: number; momentum: number }
  | { kind: 'dense'; units: number; activation: 'linear' | 'relu' | 'softmax' }
  | { kind: 'dropout'; rate: number }
  | { kind: 'globalPool'; pooling: 'avg' | 'max' }
  | { kind: 'maxPool' | 'flatten' | 'relu' | 'softmax' | 'other' }
);

/** The layers of a model without branches, in order; models within it are unrolled. */
function chainOf(model: KerasModel): KerasLayer[] | undefined {
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  const chain: KerasLayer[] = [];
  let at = model.outputs.length === 1 ? byName.get(model.outputs[0]!.layer) : undefined;
  while (at && at.className !== 'InputLayer' && chain.length <= model.layers.length) {
    const [refs, ...others] = at.calls;
    if (!refs || others.length > 0 || refs.length !== 1) return undefined;
    chain.unshift(at);
    at = byName.get(refs[0]!.layer);
  }
  if (!at || chain.length !== model.layers.length - 1) return undefined;
  const unrolled = chain.map((layer) => (layer.model ? chainOf(layer.model) : [layer]));
  return unrolled.includes(undefined) ? undefined : (unrolled as KerasLayer[][]).flat();
}

/** What each layer of a chain is, as far as a VGG has such layers; undefined for a graph with branches. */
export function opsOf(file: string, model: KerasModel): Op[] | undefined {
  return chainOf(model)?.map((layer) => {
    try {
      const fields = new Fields(file, layer);
      const op = opOf(fields);
      fields.end();
      return op;
    } catch (error) {
      if (error instanceof WeightFileError) return { kind: 'other', layer };
      throw error;
    }
  });
}

function opOf(fields: Fields): Op {
  const { layer } = fields;
  const other: Op = { kind: 'other', layer };
  const ofInput = () => fields.channelsFirst() === false;
  switch (layer.className) {
    case 'Conv2D': {
      const [window, ...rest] = new Set(fields.pair('kernel_size', 0));
      const [filters, padding] = [fields.count('filters'), fields.oneOf('padding', ['valid', 'same'])];
      const bias = fields.flag('use_bias', true);
      const ones = [...fields.pair('strides', 1), ...fields.pair('dilation_rate', 1)];
      fields.only('groups', 1);
      const activation = plainActivation(fields);
      const fits =
        rest.length === 0 && (window === 1 || window === 3) && ones.every((one) => one === 1) && ofInput();
      const relu = activation === 'relu';
      if (!fits || (!relu && activation !== 'linear')) return other;
      return { kind: 'conv', layer, window, filters, padding, bias, relu };
    }
    case 'BatchNormalization': {
      const axis = fields.take('axis') ?? -1;
      const last = [axis].flat().length === 1 && [-1, 3].includes(Number([axis].flat()[0]));
      const whole = fields.flag('center', true) && fields.flag('scale', true);
      const [epsilon, momentum] = [fields.number('epsilon', 1e-3), fields.number('momentum', 0.99)];
      const inRange = epsilon > 0 && epsilon < 1 && momentum >= 0 && momentum < 1;
      return last && whole && inRange ? { kind: 'batchNorm', layer, epsilon, momentum } : other;
    }
    case 'ReLU':
      for (const [name, value] of [
        ['negative_slope', 0],
        ['threshold', 0],
      ] as const)
        fields.only(name, value);
      fields.only('max_value', null);
      return { kind: 'relu', layer };
    case 'Activation': {
      const activation = plainActivation(fields);
      return activation === 'relu' || activation === 'softmax' ? { kind: activation, layer } : other;
    }
    case 'Softmax': {
      fields.only('axis', -1);
      return { kind: 'softmax', layer };
    }
    case 'MaxPooling2D': {
      const lengths = [...fields.pair('pool_size', 2), ...fields.pair('strides', 2)];
      fields.only('padding', 'valid');
      return lengths.every((length) => length === 2) && ofInput() ? { kind: 'maxPool', layer } : other;
    }
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D': {
      const keeps = fields.flag('keepdims', false);
      const pooling = layer.className === 'GlobalMaxPooling2D' ? 'max' : 'avg';
      return !keeps && ofInput() ? { kind: 'globalPool', layer, pooling } : other;
    }
    case 'Flatten':
      return ofInput() ? { kind: 'flatten', layer } : other;
    case 'Dense': {
      const units = fields.count('units');
      const bias = fields.flag('use_bias', true);
      const activation = plainActivation(fields);
      const known = activation === 'linear' || activation === 'relu' || activation === 'softmax';
      return bias && known ? { kind: 'dense', layer, units, activation } : other;
    }
    case 'Dropout': {
      const rate = fields.number('rate', 0);
      fields.only('noise_shape', null);
      return rate >= 0 && rate < 1 ? { kind: 'dropout', layer, rate } : other;
    }
    default:
      return other;
  }
}

/** The name of an activation that is an argument alone. */
function plainActivation(fields: Fields): string | undefined {
  const { builtIn, after } = activationOf(fields);
  return after ? undefined : String(builtIn);
}
