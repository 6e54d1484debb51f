import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, optionsOf } from '../base/arguments.js';
import { fail, keyOf, oneOf } from '../base/check.js';
import { checkInUse } from '../tfjs/disposed.js';
import { inUse } from '../tfjs/inUse.js';
import { bytesOf, type Content, concatenated, contentOf } from './formats/content.js';
import { ENCODED_DTYPES, type EncodedDtype } from './formats/numbers.js';
import { safetensorsHeader } from './formats/safetensors.js';
import { torchFile } from './formats/torch/write.js';
import { metadataEntry } from './metadata.js';
import { KEY_NAMES, type KeyNames } from './names/parameters.js';
import { kerasLayerWeights, kerasModelH5, kerasWeightsH5, kerasZip } from './writers/kerasFiles.js';
import { kerasTensors, torchTensors } from './writers/stateDict.js';
import { epsilonOf, type VggLayers, vggLayersOf } from './writers/vggLayers.js';

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
 * Encodes a model's weights as the bytes of a file, with the key names and layouts of another framework: PyTorch's
 * `load_state_dict(strict=True)` and Keras' `load_weights` accept them. The model's preprocessing and class names
 * (`metadataOf`) are included, where the frameworks ignore them.
 *
 * Files of weights alone are of VGGs with any head, such as `transferHead`'s. `fromWeights` builds the same network from them:
 * what names and shapes do not say (padding, pooling before the top, a softmax, the image size) is recorded beside the weights.
 * Files of whole models, `'model.h5'` and `'keras'`, may be of any model whose layers Keras has.
 *
 * torchvision's names number each layer of the blocks, `features.0`, and the linear layers as in
 * `nn.Sequential(Linear, ReLU, Dropout, Linear, ...)`: `classifier.0`, `classifier.3`, `classifier.6` for two hidden layers, as
 * in torchvision, `classifier.0` alone for none. timm's are for two hidden layers.
 *
 * Batch normalization has an epsilon of 1e-5 in PyTorch's networks and of 1e-3 in Keras', which files of weights do not
 * record; the running variances of a model with another epsilon are changed so that the framework computes the same.
 * Files of whole models record it. torchvision's `VGG` pools to 7x7, so build a model for it at 224x224 or with
 * `adaptivePool: true`.
 *
 * @throws RangeError when the container or the names cannot describe the model, which the message says by the layer; when an
 *   option is unknown or does not fit another.
 * @example
 * await writeFileAtomic('vgg16.safetensors', await encodeWeights(model));
 * await writeFileAtomic('vgg16.keras', await encodeWeights(model, { container: 'keras' }));
 */
export async function encodeWeights(model: LayersModel, options: EncodeOptions = {}): Promise<Uint8Array> {
  checkArguments('encodeWeights', { model }, { model: MODEL });
  const {
    container = 'safetensors',
    names: chosen,
    dtype = 'F32',
  } = optionsOf('encodeWeights', options, { names: 1, container: 1, dtype: 1 });

  keyOf('encodeWeights', 'container', container, CONTAINERS);
  oneOf('encodeWeights', 'dtype', dtype, ENCODED_DTYPES);
  const allowed: readonly KeyNames[] = CONTAINERS[container];
  const used = chosen === undefined ? allowed[0]! : chosen;
  oneOf('encodeWeights', 'names', used, KEY_NAMES);
  const keras = !allowed.includes('torchvision');
  if (!allowed.includes(used) || (keras && dtype !== 'F32')) {
    const has = keras ? "Keras' names and F32" : "torchvision's or timm's names";
    fail(
      'encodeWeights',
      `names is '${used}' and dtype '${dtype}', but the container '${container}' takes only ${has}; choose another container.`,
    );
  }
  return inUse('encodeWeights', { model }, () => {
    // Before the model's metadata is read, by a function of another name.
    checkInUse('encodeWeights', { model });
    return bytesOf(contentOfModel(model, used, dtype, container));
  });
}

function contentOfModel(
  model: LayersModel,
  names: KeyNames,
  dtype: EncodedDtype,
  container: WeightContainer,
): Content {
  if (container === 'keras') return kerasZip(model, metadataEntry(model));
  if (container === 'model.h5') return kerasModelH5(model, metadataEntry(model));
  const vgg = vggLayersOf(model);
  const metadata = metadataEntry(model, vgg.unsaid);
  if (container === 'h5') return kerasLayerWeights(model, vgg, metadata);
  if (container === 'weights.h5') return kerasWeightsH5(model, vgg, metadata);
  const tensors = names === 'keras' ? kerasTensors(vgg, dtype) : torchTensors(vgg, names, dtype);
  if (container === 'pth') return torchFile(tensors, metadata);
  const header = safetensorsHeader(tensors, { ...formatOf(names, vgg), ...metadata });
  return concatenated([contentOf(header), ...tensors.map(({ content }) => content)]);
}

function formatOf(names: KeyNames, vgg: VggLayers): Record<string, string> {
  if (names !== 'keras') return { format: 'pt' };
  const epsilon = epsilonOf(vgg);
  return { format: 'tf', ...(epsilon !== undefined && { batch_norm_epsilon: String(epsilon) }) };
}
