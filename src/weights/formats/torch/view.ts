import { size } from '../../../base/shapes.js';
import { checkShape, stridesOf } from '../checks.js';
import { WeightFileError } from '../error.js';
import { BYTES_PER_ELEMENT } from '../tensor.js';
import type { TensorObject } from './rebuild.js';

/** A tensor of a PyTorch state dict: a view of a storage elsewhere in the file. */
export type TorchTensor = Pick<TensorObject, 'dtype' | 'shape' | 'strides' | 'offset' | 'storage'> & {
  name: string;
};

type View = Pick<TorchTensor, 'dtype' | 'shape' | 'strides' | 'offset'>;

/** Returns a tensor after checking that its elements are within its storage and do not repeat. */
export function checkView(file: string, tensor: TorchTensor): TorchTensor {
  const { name, dtype, shape, strides, offset, storage } = tensor;
  checkShape(file, name, shape);
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor: name });
  if (strides.length !== shape.length)
    throw fault(`it has ${strides.length} strides for ${shape.length} axes; the file is damaged.`);
  const count = size(shape);
  const length = Math.floor((storage.length * storage.itemBytes) / BYTES_PER_ELEMENT[dtype]);
  const end = offset + extentOf(tensor);
  if (count > 0 && !(end <= length)) {
    throw fault(`it extends to element ${end - 1} of a storage of ${length} elements; the file is damaged.`);
  }
  if (count > length) {
    throw fault(`its shape ${shape.join('x')} repeats a storage of ${length} elements; save it contiguous.`);
  }
  return tensor;
}

/** The number of elements of the storage from the view's first element to its last. */
export function extentOf({ shape, strides }: Pick<View, 'shape' | 'strides'>): number {
  if (size(shape) === 0) return 0;
  return shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis]!, 1);
}

/** Whether the elements are contiguous in the storage. */
export function isContiguous({ shape, strides }: Pick<View, 'shape' | 'strides'>): boolean {
  const plain = stridesOf(shape);
  return shape.every((length, axis) => length === 1 || strides[axis] === plain[axis]) || size(shape) === 0;
}

/** The bytes of a view in the order of its elements, from those of its extent. */
export function gather({ dtype, shape, strides }: View, extent: Uint8Array): Uint8Array {
  const elementBytes = BYTES_PER_ELEMENT[dtype];
  const bytes = new Uint8Array(size(shape) * elementBytes);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < bytes.length; to += elementBytes) {
    bytes.set(extent.subarray(from * elementBytes, (from + 1) * elementBytes), to);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return bytes;
}
