import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf } from '../core/check.js';
import { type NewGroup, writeHdf5 } from './hdf5/write.js';
import { gatherRows, type Sides, sidesOf } from './layout.js';
import { BATCH_NORM, varianceShift } from './network.js';
import { encode } from './numbers.js';
import { type KeyNames, TORCH_TOP } from './parameters.js';
import { safetensorsHeader } from './safetensors.js';
import { type Target, targetsOf } from './targets.js';
import { byteLength } from './tensor.js';

/** Options of {@link saveWeights}. */
export interface SaveOptions {
  /** How the numbers are stored: `'F32'` (the default) exactly, `'F16'` and `'BF16'` rounded to half the bytes. */
  dtype?: 'F32' | 'F16' | 'BF16';
  /**
   * Which kind of file: `'safetensors'` (the default), or for Keras' names `'h5'`, the layout of its published files, which
   * `load_weights` of Keras 2 and 3 takes into a model of the same layers.
   */
  container?: 'safetensors' | 'h5';
}

/**
 * A VGG's weights as the bytes of a file, under the key names and in the layouts of another framework:
 * `'torchvision'` and `'timm'` for PyTorch, whose `load_state_dict(strict=True)` takes them, `'keras'` for Keras' layer
 * names and orders.
 *
 * PyTorch's networks have an epsilon of 1e-5 in batch normalization and Keras' one of 1e-3, which `.h5` files do not say; a
 * model with another gets running variances that make up for it. torchvision's `VGG` pools to 7x7, so a model for it is
 * built at 224x224 or with `adaptivePool: true`.
 *
 * @throws RangeError when the model is no VGG or an argument none of those named.
 * @example
 * await writeFileAtomic('vgg16.safetensors', await saveWeights(model, 'torchvision'));
 */
export async function saveWeights(
  model: LayersModel,
  names: KeyNames,
  { dtype = 'F32', container = 'safetensors' }: SaveOptions = {},
): Promise<Uint8Array> {
  oneOf('saveWeights', 'names', names, ['torchvision', 'timm', 'keras']);
  oneOf('saveWeights', 'dtype', dtype, ['F32', 'F16', 'BF16']);
  oneOf('saveWeights', 'container', container, ['safetensors', 'h5']);
  const targets = targetsOf('saveWeights', model);
  if (container === 'h5') {
    if (names !== 'keras' || dtype !== 'F32') {
      fail(
        'saveWeights',
        `an .h5 file has Keras' names and float32, and ${names} and ${dtype} were asked for.`,
      );
    }
    return writeHdf5(kerasLayout(targets));
  }
  const entries = names === 'keras' ? kerasEntries(targets, dtype) : torchEntries(targets, names, dtype);
  const header = safetensorsHeader(entries, metadataOf(names, targets));
  const total = entries.reduce((sum, entry) => sum + byteLength(entry), header.length);
  const file = new Uint8Array(total);
  file.set(header);
  let at = header.length;
  for (const entry of entries) {
    if (entry.target) at = await writeNumbers(file, at, entry, dtype);
    // A counter, which stays zero.
    else at += byteLength(entry);
  }
  return file;
}

interface SavedTensor {
  name: string;
  dtype: 'F32' | 'F16' | 'BF16' | 'I64';
  shape: readonly number[];
  /** The weight that it holds; undefined for PyTorch's counter of batches, which is zero. */
  target?: Target;
  /** Set where it is written out first. */
  sides?: Sides;
  /** What is added to every number. */
  add?: number;
}

function metadataOf(names: KeyNames, targets: ReadonlyMap<string, Target>): Record<string, string> {
  if (names !== 'keras') return { format: 'pt' };
  const epsilon = [...targets.values()].find((target) => target.epsilon !== undefined)?.epsilon;
  return { format: 'tf', ...(epsilon !== undefined && { batch_norm_epsilon: String(epsilon) }) };
}

function kerasEntries(
  targets: ReadonlyMap<string, Target>,
  dtype: SaveOptions['dtype'] & string,
): SavedTensor[] {
  return [...targets.values()].map((target) => ({
    name: target.role,
    dtype,
    shape: shapeOf(target),
    target,
  }));
}

/** The groups of Keras' published files: one a layer, which lists its weights in their order. */
function kerasLayout(targets: ReadonlyMap<string, Target>): NewGroup {
  const children: Record<string, NewGroup> = {};
  for (const target of targets.values()) {
    const [layer, variable] = target.role.split('/') as [string, string];
    const name = `${variable}:0`;
    const { attributes, children: datasets } = children[layer] ?? { attributes: {}, children: {} };
    const add = variable === 'moving_variance' ? varianceShift(target.epsilon!, BATCH_NORM.keras.epsilon) : 0;
    children[layer] = {
      attributes: { weight_names: [...(attributes.weight_names ?? []), name] },
      children: { ...datasets, [name]: { shape: shapeOf(target), numbers: () => numbersOf(target, add) } },
    };
  }
  return { attributes: { layer_names: Object.keys(children) }, children };
}

function torchEntries(
  targets: ReadonlyMap<string, Target>,
  names: 'torchvision' | 'timm',
  dtype: SaveOptions['dtype'] & string,
): SavedTensor[] {
  const layers = torchNames(targets, names);
  const channels = [...targets.values()].findLast(({ role }) => /^block.*\/kernel$/.test(role))!;
  return [...targets.values()].flatMap((target): SavedTensor[] => {
    const [layer, variable] = target.role.split('/') as [string, string];
    const name = layers.get(layer);
    if (!name)
      fail('saveWeights', `the layer '${layer}' has no place in ${names}'s VGG; save it as 'keras'.`);
    const shape = shapeOf(target);
    switch (variable) {
      case 'kernel': {
        const sides = sidesOf(shape, layer === 'fc1' ? shapeOf(channels).at(-1)! : undefined);
        return [
          { name: `${name}.weight`, dtype, shape: kernelShape(layer, shape, sides, names), target, sides },
        ];
      }
      case 'moving_mean':
        return [{ name: `${name}.running_mean`, dtype, shape, target }];
      case 'moving_variance':
        return [
          {
            name: `${name}.running_var`,
            dtype,
            shape,
            target,
            add: varianceShift(target.epsilon!, BATCH_NORM.torch.epsilon),
          },
          { name: `${name}.num_batches_tracked`, dtype: 'I64', shape: [] },
        ];
      default:
        return [{ name: `${name}.${variable === 'gamma' ? 'weight' : 'bias'}`, dtype, shape, target }];
    }
  });
}

/** `[height, width, in, out]` and `[in, out]` as PyTorch has them; timm's hidden layers are convolutions. */
function kernelShape(
  layer: string,
  shape: readonly number[],
  { out, channels, window }: Sides,
  names: KeyNames,
): number[] {
  if (layer.startsWith('block')) return [out, channels, shape[0]!, shape[1]!];
  if (names === 'torchvision' || layer === 'predictions') return [out, channels * window];
  const side = Math.sqrt(window);
  if (!Number.isInteger(side)) {
    fail(
      'saveWeights',
      `the feature map before fc1 has ${window} places and is not square, as timm's is; save it as 'torchvision'.`,
    );
  }
  return [out, channels, side, side];
}

/** The layers under PyTorch's names, where every convolution, normalization, ReLU and pooling has a number. */
function torchNames(
  targets: ReadonlyMap<string, Target>,
  names: 'torchvision' | 'timm',
): Map<string, string> {
  const found = new Map<string, string>(Object.entries(TORCH_TOP[names]));
  const convs = [...targets.keys()].filter((role) => /^block\d+_conv\d+\/kernel$/.test(role));
  let index = 0;
  convs.forEach((role, i) => {
    const layer = role.slice(0, -'/kernel'.length);
    if (i > 0 && layer.endsWith('_conv1')) index++;
    found.set(layer, `features.${index++}`);
    if (targets.has(`${layer}_bn/gamma`)) found.set(`${layer}_bn`, `features.${index++}`);
    index++;
  });
  return found;
}

/** A weight's numbers, `add` added to each. */
async function numbersOf({ variable }: Target, add = 0): Promise<Float32Array> {
  const numbers = (await (variable.read() as Tensor).data()) as Float32Array;
  return add === 0 ? numbers : numbers.map((value) => value + add);
}

function shapeOf({ variable }: Target): number[] {
  return variable.shape as number[];
}

/** Rows that are put together at a time; see `readWeight`. */
const ROWS = 64;

async function writeNumbers(
  file: Uint8Array,
  start: number,
  { target, sides, add = 0 }: SavedTensor,
  dtype: SaveOptions['dtype'] & string,
): Promise<number> {
  const numbers = await numbersOf(target!, add);
  let at = start;
  const write = (piece: Float32Array) => {
    const bytes = encode(piece, dtype);
    file.set(bytes, at);
    at += bytes.length;
  };
  if (!sides) {
    write(numbers);
    return at;
  }
  const row = sides.channels * sides.window;
  for (let first = 0; first < sides.out; first += ROWS) {
    const piece = new Float32Array(row * Math.min(ROWS, sides.out - first));
    gatherRows(numbers, first, sides, piece);
    write(piece);
  }
  return at;
}
