import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf } from '../base/check.js';
import { bytesOf, type Content, concatenated, contentOf } from './formats/content.js';
import { kerasPublished, kerasWeights, kerasWhole, kerasZip } from './formats/keras/kerasWrite.js';
import { safetensorsHeader } from './formats/safetensors.js';
import { torchLegacy, torchZip } from './formats/torch/torchWrite.js';
import { type EncodedDtype, kerasEntries, torchEntries } from './names/entries.js';
import type { KeyNames } from './names/parameters.js';
import { type Target, targetsOf } from './names/targets.js';

/** Whose names the tensors of each kind of file may have. */
const CONTAINERS = {
  safetensors: ['torchvision', 'timm', 'keras'],
  pth: ['torchvision', 'timm'],
  'pth-legacy': ['torchvision', 'timm'],
  h5: ['keras'],
  'weights.h5': ['keras'],
  'model.h5': ['keras'],
  keras: ['keras'],
} as const satisfies Record<string, readonly KeyNames[]>;

/** The kinds of file that {@link encodeWeights} writes. */
export type WeightContainer = keyof typeof CONTAINERS;

/** Options of {@link encodeWeights}. */
export interface EncodeOptions {
  /**
   * How the numbers are stored: `'F32'` (the default) exactly, `'F16'` and `'BF16'` rounded to half the bytes. Keras' own
   * files have `'F32'` alone.
   */
  dtype?: EncodedDtype;
  /**
   * Which kind of file:
   * - `'safetensors'` (the default), which cannot hold anything but tensors and is what to send to others;
   * - for PyTorch's names `'pth'`, what `torch.save` writes since 1.6, and `'pth-legacy'`, what it wrote before: a state
   *   dict that `torch.load(weights_only=True)` takes;
   * - for Keras' names `'h5'`, the layout of its published files, which `load_weights` of Keras 2 and 3 takes into a model
   *   of the same layers; `'weights.h5'`, the same of Keras 3; and whole models, which `keras.models.load_model` takes:
   *   `'model.h5'` in Keras 2's layout, which Keras 3 reads too, and `'keras'`, Keras 3's own.
   */
  container?: WeightContainer;
}

/**
 * A VGG's weights as the bytes of a file, under the key names and in the layouts of another framework:
 * `'torchvision'` and `'timm'` for PyTorch, whose `load_state_dict(strict=True)` takes them, `'keras'` for Keras' layer
 * names and orders.
 *
 * PyTorch's networks have an epsilon of 1e-5 in batch normalization and Keras' one of 1e-3, which files of weights for them
 * do not say; a model with another gets running variances that make up for it. Whole models say it. torchvision's `VGG`
 * pools to 7x7, so a model for it is built at 224x224 or with `adaptivePool: true`.
 *
 * @throws RangeError when the model is no VGG, an argument none of those named, or two of them do not go together.
 * @example
 * await writeFileAtomic('vgg16.safetensors', await encodeWeights(model, 'torchvision'));
 * await writeFileAtomic('vgg16.keras', await encodeWeights(model, 'keras', { container: 'keras' }));
 */
export async function encodeWeights(
  model: LayersModel,
  names: KeyNames,
  { dtype = 'F32', container = 'safetensors' }: EncodeOptions = {},
): Promise<Uint8Array> {
  oneOf('encodeWeights', 'names', names, ['torchvision', 'timm', 'keras']);
  oneOf('encodeWeights', 'dtype', dtype, ['F32', 'F16', 'BF16']);
  oneOf('encodeWeights', 'container', container, Object.keys(CONTAINERS));
  const allowed: readonly KeyNames[] = CONTAINERS[container];
  const keras = !allowed.includes('torchvision');
  if (!allowed.includes(names) || (keras && dtype !== 'F32')) {
    const has = keras ? "Keras' names and float32" : "torchvision's or timm's names";
    fail(
      'encodeWeights',
      `the container '${container}' has ${has}, and ${names} and ${dtype} were asked for.`,
    );
  }
  return bytesOf(fileOf(model, names, dtype, container));
}

function fileOf(
  model: LayersModel,
  names: KeyNames,
  dtype: EncodedDtype,
  container: WeightContainer,
): Content {
  const targets = targetsOf('encodeWeights', model);
  switch (container) {
    case 'h5':
      return kerasPublished(targets);
    case 'model.h5':
      return kerasWhole(model);
    case 'weights.h5':
      return kerasWeights(model);
    case 'keras':
      return kerasZip(model);
  }
  const entries = names === 'keras' ? kerasEntries(targets, dtype) : torchEntries(targets, names, dtype);
  if (container === 'pth') return torchZip(entries);
  if (container === 'pth-legacy') return torchLegacy(entries);
  const header = safetensorsHeader(entries, metadataOf(names, targets));
  return concatenated([contentOf(header), ...entries.map(({ content }) => content)]);
}

function metadataOf(names: KeyNames, targets: ReadonlyMap<string, Target>): Record<string, string> {
  if (names !== 'keras') return { format: 'pt' };
  const epsilon = [...targets.values()].find((target) => target.epsilon !== undefined)?.epsilon;
  return { format: 'tf', ...(epsilon !== undefined && { batch_norm_epsilon: String(epsilon) }) };
}
