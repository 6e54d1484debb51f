import { size } from '../../base/shapes.js';
import { kindOf } from '../../core/inspect.js';
import { isAverage } from '../../core/vgg.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { printable, WeightFileError } from '../formats/error.js';
import { type KerasConfig, kerasLayers } from '../formats/keras/config.js';
import type { StoredTensor } from '../formats/tensor.js';
import type { Axes } from '../layout/axes.js';
import { canonicalNames, type NamedLayer, TOP } from './canonical.js';

/** The frameworks whose key names are known. */
export const KEY_NAMES = ['torchvision', 'timm', 'keras'] as const;

/** The framework whose key names a file's tensors have. */
export type KeyNames = (typeof KEY_NAMES)[number];

/** A stored tensor and the weight of a VGG that it is. */
export interface Parameter {
  /** The weight's name here and in Keras: `block1_conv1/kernel`. */
  role: string;
  /** The weight's shape in tfjs. */
  shape: readonly number[];
  /** Set if the tensor is a kernel in PyTorch's order. */
  axes?: Axes;
  tensor: StoredTensor;
}

/** A file's tensors, matched to weights. */
export interface Parameters {
  names: KeyNames;
  parameters: readonly Parameter[];
  /** Tensors that are not weights of a VGG. */
  others: readonly StoredTensor[];
}

/**
 * Matches a file's tensors to the weights of a VGG, by torchvision's, timm's or Keras' key names.
 *
 * @throws WeightFileError when the names are not theirs or do not fit a VGG.
 */
export function parametersOf(checkpoint: Checkpoint): Parameters {
  const { file, tensors, configuration } = checkpoint;
  const config = configuration === undefined ? undefined : kerasLayers(file, configuration);
  const first = tensors.find(({ name }) => /(^|\.)features\.0\.weight$/.test(name));
  const found = first
    ? torchParameters(file, tensors, first.name.slice(0, -'features.0.weight'.length))
    : kerasParameters(file, tensors, config);
  const seen = new Set<string>();
  const twice = found.parameters.find(({ role }) => seen.size === seen.add(role).size);
  if (twice) {
    throw new WeightFileError(file, `it contains ${twice.role} twice; the file is damaged.`, {
      tensor: twice.tensor.name,
    });
  }
  return found;
}

/** torchvision's and timm's names of the fully connected layers. */
export const TORCH_TOP = {
  torchvision: { fc1: 'classifier.0', fc2: 'classifier.3', predictions: 'classifier.6' },
  timm: { fc1: 'pre_logits.fc1', fc2: 'pre_logits.fc2', predictions: 'head.fc' },
} as const;

/** Whether a tensor belongs to the fully connected layers, under any framework's names. */
export function isTop(tensor: string): boolean {
  const inTorch = Object.values(TORCH_TOP).flatMap((top) => Object.values(top));
  const tops = [...TOP, ...inTorch.map((name) => name.split('.')[0]!)];
  const parts = tensor.split(/[./]/).slice(0, -1);
  return parts.some((part) => tops.includes(part) || /^dense(_\d+)?$/.test(part));
}

/** The vectors of batch normalization by their names in PyTorch. */
const TORCH_NORM: Record<string, string> = {
  weight: 'gamma',
  bias: 'beta',
  running_mean: 'moving_mean',
  running_var: 'moving_variance',
};

/** @param prefix the beginning of every name, such as `module.`, which training wrappers add. */
function torchParameters(file: string, tensors: readonly StoredTensor[], prefix: string): Parameters {
  const features = torchFeatures(file, tensors, prefix);
  // Files need not keep the order of the layers; the last convolution has the highest number.
  const lastConv = [...features].findLast(([, name]) => !name.endsWith('_bn'))![0];
  const channels = tensors.find(({ name }) => name === `${prefix}${lastConv}.weight`)!.shape[0]!;
  const tops = new Map<string, string>(
    Object.values(TORCH_TOP).flatMap((top) => Object.entries(top).map(([layer, name]) => [name, layer])),
  );
  const parameters: Parameter[] = [];
  const others: StoredTensor[] = [];
  let names: KeyNames = 'torchvision';
  for (const tensor of tensors) {
    const [, layer = '', variable = ''] = /^(.*)\.(\w+)$/.exec(tensor.name.slice(prefix.length)) ?? [];
    // PyTorch uses this counter only with momentum=None.
    if (variable === 'num_batches_tracked') continue;
    const feature = features.get(layer);
    if (layer === TORCH_TOP.timm.predictions) names = 'timm';
    const kind = feature ?? tops.get(layer);
    const norm = feature?.endsWith('_bn');
    const role = norm ? TORCH_NORM[variable] : { weight: 'kernel', bias: 'bias' }[variable];
    if (!tensor.name.startsWith(prefix) || !kind || !role) others.push(tensor);
    else
      parameters.push({ role: `${kind}/${role}`, tensor, ...outFirst(file, tensor, kind, role, channels) });
  }
  return { names, parameters, others };
}

/**
 * This library's names for torchvision's `features.N`. Every layer has a number: a convolution, batch normalization if there is
 * any, the ReLU, and the pooling that ends a block. So an extra number between two convolutions marks the end of a block.
 */
function torchFeatures(file: string, tensors: readonly StoredTensor[], prefix: string): Map<string, string> {
  const weights = tensors
    .map(({ name, shape }) => ({ index: featureIndex(name, prefix), rank: shape.length }))
    .filter((weight): weight is { index: number; rank: number } => weight.index !== undefined);
  const convs = weights.filter(({ rank }) => rank === 4).map(({ index }) => index);
  convs.sort((a, b) => a - b);
  if (convs.length === 0)
    throw new WeightFileError(file, 'it has features but no convolutions, so it is not a VGG.');
  const norms = new Set(weights.filter(({ rank }) => rank === 1).map(({ index }) => index));
  const found = new Map<string, string>();
  let block = 1;
  let conv = 0;
  convs.forEach((index, i) => {
    if (i > 0) {
      const gap = index - convs[i - 1]! - (norms.has(convs[i - 1]! + 1) ? 1 : 0);
      if (gap !== 2 && gap !== 3) {
        throw new WeightFileError(
          file,
          `its convolution features.${index} follows features.${convs[i - 1]}, which no VGG has.`,
        );
      }
      if (gap === 3) [block, conv] = [block + 1, 0];
    }
    conv++;
    found.set(`features.${index}`, `block${block}_conv${conv}`);
    if (norms.has(index + 1)) found.set(`features.${index + 1}`, `block${block}_conv${conv}_bn`);
  });
  return found;
}

function featureIndex(name: string, prefix: string): number | undefined {
  const index =
    name.startsWith(prefix) && /^features\.(\d{1,4})\.weight$/.exec(name.slice(prefix.length))?.[1];
  return index ? Number(index) : undefined;
}

/** The shape of PyTorch's tensor in tfjs, and its axes if it is a kernel. */
function outFirst(
  file: string,
  { name, shape }: StoredTensor,
  layer: string,
  role: string,
  channels: number,
): Pick<Parameter, 'shape' | 'axes'> {
  if (role !== 'kernel') return { shape };
  const [out, inputs, ...window] = shape as [number, number, ...number[]];
  if (shape.length !== 4 && shape.length !== 2) {
    throw new WeightFileError(file, `its shape [${shape}] is not a kernel's.`, { tensor: name });
  }
  if (layer.startsWith('block')) {
    return { shape: [...window, inputs, out], axes: { out, channels: inputs, window: size(window) } };
  }
  const all = inputs * size(window);
  // torchvision's first linear layer takes the feature map flattened, channels first.
  const perChannel = layer === 'fc1' && window.length === 0 ? channels : inputs;
  if (perChannel === 0 || all % perChannel !== 0) {
    throw new WeightFileError(
      file,
      `its ${all} inputs are not a multiple of the ${perChannel} channels before it.`,
      {
        tensor: name,
      },
    );
  }
  return { shape: [all, out], axes: { out, channels: perChannel, window: all / perChannel } };
}

const KERAS_VARIABLES = ['kernel', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_variance'];

function kerasParameters(
  file: string,
  tensors: readonly StoredTensor[],
  config: KerasConfig | undefined,
): Parameters {
  const named = tensors.map((tensor) => {
    const [layer = '', variable = ''] = (tensor.role ?? tensor.name.replace(/:\d+$/, ''))
      .split('/')
      .slice(-2);
    return { tensor, layer, variable };
  });
  const known = named.filter(
    ({ layer, variable }) => KERAS_VARIABLES.includes(variable) && !isAverage(layer),
  );
  if (known.length === 0) {
    const example = tensors[0] ? `the first is '${printable(tensors[0].name)}'` : 'there are none';
    throw new WeightFileError(
      file,
      `its tensors are not named as in torchvision's, timm's or Keras' VGG (${example}), so it is not a VGG or was saved under other names.`,
    );
  }
  const layers =
    config?.map(({ className, name }) => ({ name, kind: kindOf(className) })) ?? layersByTensors(known);
  const names = canonicalNames(
    file,
    layers.filter(({ name }) => !isAverage(name)),
  );
  const parameters: Parameter[] = [];
  const others: StoredTensor[] = [];
  for (const { tensor, layer, variable } of named) {
    const canonical = names.get(layer);
    if (canonical && KERAS_VARIABLES.includes(variable)) {
      parameters.push({ role: `${canonical}/${variable}`, shape: tensor.shape, tensor });
    } else if (!isAverage(layer)) others.push(tensor);
  }
  return { names: 'keras', parameters, others };
}

/** The layers of a file without a configuration, in natural order: `conv2d_2` comes before `conv2d_10`. */
function layersByTensors(
  named: readonly { tensor: StoredTensor; layer: string; variable: string }[],
): NamedLayer[] {
  const layers = named
    .filter(({ variable }) => variable === 'kernel' || variable === 'gamma')
    .map(({ tensor, layer, variable }): NamedLayer => {
      const kind = variable === 'gamma' ? 'batchNorm' : tensor.shape.length === 4 ? 'conv' : 'dense';
      return { name: layer, kind };
    });
  const natural = new Intl.Collator('en', { numeric: true });
  return layers.sort((a, b) => natural.compare(a.name, b.name));
}
