import type { WeightFileError } from '../formats/error.js';
import type { StoredTensor } from '../formats/tensor.js';
import type { Axes } from '../layout/axes.js';

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
  /** The epsilon of the layer in the file, if it is a running variance and the file's configuration is known. */
  epsilon?: number;
}

/** The parameter that a tensor is, of a file whose configuration says its role. */
export function parameterOf(role: string, tensor: StoredTensor): Parameter {
  const { shape, axes } = tensor.inKeras ?? { shape: tensor.shape };
  return { role, shape, tensor, ...(axes && { axes }) };
}

/** A file's tensors, matched to weights. */
export interface Parameters {
  names: KeyNames;
  parameters: readonly Parameter[];
  /** Tensors of fully connected layers that no VGG has. */
  head?: readonly StoredTensor[];
  /** Why the file's network cannot be built with its fully connected layers, if so. */
  headProblem?: WeightFileError;
  /** Tensors that are not weights of a VGG. */
  others: readonly StoredTensor[];
}

/** Whether a weight is one of the fully connected layers. */
export function isTop(role: string): boolean {
  return /^(fc\d+|predictions)\//.test(role);
}
