import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, keyOf, oneOf } from '../base/check.js';
import { bytesOf, type Content, concatenated, contentOf } from './formats/content.js';
import { ENCODED_DTYPES, type EncodedDtype } from './formats/numbers.js';
import { safetensorsHeader } from './formats/safetensors.js';
import { torchFile } from './formats/torch/write.js';
import { metadataEntry } from './metadata.js';
import { KEY_NAMES, type KeyNames } from './names/parameters.js';
import { type Target, targetsOf } from './names/targets.js';
import { kerasLayerWeights, kerasModelH5, kerasWeightsH5, kerasZip } from './writers/kerasFiles.js';
import { kerasTensors, torchTensors } from './writers/stateDict.js';

/** The key names that each kind of file can have, the default first. */
const CONTAINERS = {
  safetensors: KEY_NAMES,
  pth: ['torchvision', 'timm'],
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
   * The key names and the order of axes: `'torchvision'` and `'timm'` are PyTorch's, `'keras'` Keras'. Default `'keras'` in
   * Keras' containers and `'torchvision'` in the others.
   */
  names?: KeyNames;
  /**
   * The kind of file:
   * - `'safetensors'` (the default), which can contain only tensors and is the one to send to others;
   * - with PyTorch's names `'pth'`, a state dict as `torch.save` has written it since 1.6, which
   *   `torch.load(weights_only=True)` accepts;
   * - with Keras' names `'h5'`, the layout of its published files, which `load_weights` of Keras 2 and 3 loads into a model
   *   with the same layers; `'weights.h5'`, Keras 3's own; and whole models for `keras.models.load_model`:
   *   `'model.h5'` in Keras 2's layout, which Keras 3 reads too, and `'keras'`, Keras 3's own.
   */
  container?: WeightContainer;
  /**
   * How the numbers are stored: `'F32'` (the default) exactly, `'F16'` and `'BF16'` rounded, in half the bytes. Keras' own
   * containers have only `'F32'`.
   */
  dtype?: EncodedDtype;
}

/**
 * Encodes a VGG's weights as the bytes of a file, with the key names and layouts of another framework: PyTorch's
 * `load_state_dict(strict=True)` and Keras' `load_weights` accept them. The model's preprocessing and class names
 * (`metadataOf`) are included, where the frameworks ignore them.
 *
 * Batch normalization has an epsilon of 1e-5 in PyTorch's networks and of 1e-3 in Keras', which files of weights do not
 * record; the running variances of a model with another epsilon are changed so that the framework computes the same.
 * Files of whole models record it. torchvision's `VGG` pools to 7x7, so build a model for it at 224x224 or with
 * `adaptivePool: true`.
 *
 * @throws RangeError when the model is not a VGG, or an option is unknown or does not fit another.
 * @example
 * await writeFileAtomic('vgg16.safetensors', await encodeWeights(model));
 * await writeFileAtomic('vgg16.keras', await encodeWeights(model, { container: 'keras' }));
 */
export async function encodeWeights(
  model: LayersModel,
  { container = 'safetensors', names, dtype = 'F32' }: EncodeOptions = {},
): Promise<Uint8Array> {
  keyOf('encodeWeights', 'container', container, CONTAINERS);
  oneOf('encodeWeights', 'dtype', dtype, ENCODED_DTYPES);
  const allowed: readonly KeyNames[] = CONTAINERS[container];
  const used = names ?? allowed[0]!;
  oneOf('encodeWeights', 'names', used, KEY_NAMES);
  const keras = !allowed.includes('torchvision');
  if (!allowed.includes(used) || (keras && dtype !== 'F32')) {
    const has = keras ? "Keras' names and F32" : "torchvision's or timm's names";
    fail(
      'encodeWeights',
      `names is '${used}' and dtype '${dtype}', but the container '${container}' takes only ${has}; choose another container.`,
    );
  }
  return bytesOf(contentOfModel(model, used, dtype, container));
}

function contentOfModel(
  model: LayersModel,
  names: KeyNames,
  dtype: EncodedDtype,
  container: WeightContainer,
): Content {
  const targets = targetsOf('encodeWeights', model);
  const metadata = metadataEntry(model);
  switch (container) {
    case 'h5':
      return kerasLayerWeights(targets, metadata);
    case 'model.h5':
      return kerasModelH5(model, metadata);
    case 'weights.h5':
      return kerasWeightsH5(model, metadata);
    case 'keras':
      return kerasZip(model, metadata);
  }
  const tensors = names === 'keras' ? kerasTensors(targets, dtype) : torchTensors(targets, names, dtype);
  if (container === 'pth') return torchFile(tensors, metadata);
  const header = safetensorsHeader(tensors, { ...formatOf(names, targets), ...metadata });
  return concatenated([contentOf(header), ...tensors.map(({ content }) => content)]);
}

function formatOf(names: KeyNames, targets: ReadonlyMap<string, Target>): Record<string, string> {
  if (names !== 'keras') return { format: 'pt' };
  const epsilon = [...targets.values()].find((target) => target.epsilon !== undefined)?.epsilon;
  return { format: 'tf', ...(epsilon !== undefined && { batch_norm_epsilon: String(epsilon) }) };
}
