import { size } from '../../../base/shapes.js';
import { checkNames, checkShape, stridesOf } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import { MAX_ELEMENTS } from '../limits.js';
import { BYTES_PER_ELEMENT, type Dtype } from '../tensor.js';
import { type PickleMeaning, PickleName, PickleObject, type PickleValue, readPickle } from './pickle.js';

/** A tensor of a PyTorch state dict: a view of a storage elsewhere in the file. */
export interface TorchTensor {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /** Strides and offset in elements of the storage. */
  strides: readonly number[];
  offset: number;
  storage: TorchStorage;
}

/** A storage; the container, zip or legacy, determines where its bytes are. */
export interface TorchStorage {
  key: string;
  dtype: Dtype;
  /** Elements. */
  length: number;
}

/** The number types of PyTorch's storage classes. */
export const STORAGES: Record<string, Dtype> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const OTHER_NAMES = [
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
];

/** The nesting of dicts that are searched for tensors; `{"state_dict": {...}}` is two. */
const MAX_DEPTH = 4;

class TensorObject extends PickleObject {
  constructor(readonly tensor: Omit<TorchTensor, 'name'>) {
    super();
  }
}

class StorageObject extends PickleObject {
  constructor(readonly storage: TorchStorage) {
    super();
  }
}

/**
 * Reads a pickle written by `torch.save`.
 *
 * @returns the tensors of its state dict (a dict of tensors, or one inside a training script's dict), and the length of the
 *   pickle in bytes.
 * @throws WeightFileError when it is damaged, refers to anything but tensors and plain data, or has no tensors.
 */
export function readState(file: string, bytes: Uint8Array): { tensors: TorchTensor[]; length: number } {
  const { value, length } = readPickle(file, bytes, new StateMeaning(file));
  const state = stateDict(value, 0, new Set());
  if (!state) {
    throw new WeightFileError(
      file,
      'its pickle contains no state dict (a dict of tensors); save model.state_dict() with torch.save.',
    );
  }
  checkNames(
    file,
    state.map(([name]) => name),
  );
  return {
    tensors: state.map(([name, { tensor }]) => checkView(file, { name, ...tensor })),
    length,
  };
}

/** Reads a pickle of plain data, like the other pickles of the older format. */
export function readPlain(file: string, bytes: Uint8Array): { value: PickleValue; length: number } {
  return readPickle(file, bytes, new StateMeaning(file));
}

class StateMeaning implements PickleMeaning {
  constructor(readonly file: string) {}

  knows(name: string): boolean {
    return OTHER_NAMES.includes(name) || storageType(name) !== undefined;
  }

  reduce(name: string, args: PickleValue[]): PickleValue {
    if (name === 'collections.OrderedDict') {
      // Python 2 passed the items as an argument.
      const items = Array.isArray(args[0]) ? args[0] : [];
      return new Map(items.filter(Array.isArray).map(([key, value]) => [key!, value!]));
    }
    if (name === 'torch._utils._rebuild_parameter' && args[0] instanceof TensorObject) return args[0];
    if (name.startsWith('torch._utils._rebuild_tensor')) return this.#tensor(args);
    throw this.#fault(`its pickle calls '${name}' with wrong arguments; it is damaged.`);
  }

  /** `('storage', class, key, device, length)`, and before 1.6 a view, which must be null. */
  persistent(id: PickleValue): PickleValue {
    const [kind, type, key, , length, view = null] = Array.isArray(id) ? id : [];
    const dtype = type instanceof PickleName ? storageType(type.name) : undefined;
    const sound =
      kind === 'storage' && dtype && typeof key === 'string' && isCount(length) && length <= MAX_ELEMENTS;
    if (!sound) throw this.#fault('its pickle describes a storage in an unknown way; it is damaged.');
    if (view !== null)
      throw this.#fault('it shares storages in a way that only PyTorch before 0.4 did; save it again.');
    return new StorageObject({ key, dtype, length });
  }

  #tensor([object, offset, shape, strides]: PickleValue[]): PickleValue {
    const numbers = (list: PickleValue | undefined): list is number[] =>
      Array.isArray(list) && list.every(isCount);
    if (!(object instanceof StorageObject) || !isCount(offset) || !numbers(shape) || !numbers(strides)) {
      throw this.#fault('its pickle describes a tensor in an unknown way; it is damaged.');
    }
    const { storage } = object;
    return new TensorObject({ dtype: storage.dtype, shape, strides, offset, storage });
  }

  #fault(reason: string): WeightFileError {
    return new WeightFileError(this.file, reason);
  }
}

function storageType(name: string): Dtype | undefined {
  const type = name.startsWith('torch.') ? name.slice('torch.'.length) : '';
  return Object.hasOwn(STORAGES, type) ? STORAGES[type] : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The first dict of tensors in a value, outer dicts before inner ones; each dict is searched once. */
function stateDict(
  value: PickleValue,
  depth: number,
  seen: Set<PickleValue>,
): [name: string, tensor: TensorObject][] | undefined {
  if (!(value instanceof Map) || depth > MAX_DEPTH || seen.has(value)) return undefined;
  seen.add(value);
  const tensors = [...value].filter(
    (item): item is [string, TensorObject] => typeof item[0] === 'string' && item[1] instanceof TensorObject,
  );
  if (tensors.length > 0) return tensors;
  for (const inner of value.values()) {
    const found = stateDict(inner, depth + 1, seen);
    if (found) return found;
  }
  return undefined;
}

/** Returns a tensor after checking that its elements are within its storage and do not repeat. */
function checkView(file: string, tensor: TorchTensor): TorchTensor {
  const { name, shape, strides, offset, storage } = tensor;
  checkShape(file, name, shape);
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor: name });
  if (strides.length !== shape.length)
    throw fault(`it has ${strides.length} strides for ${shape.length} axes; the file is damaged.`);
  const count = size(shape);
  if (count === 0) return tensor;
  const last = offset + shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis]!, 0);
  if (!(last < storage.length)) {
    throw fault(
      `it extends to element ${last} of a storage of ${storage.length} elements; the file is damaged.`,
    );
  }
  if (count > storage.length) {
    throw fault(
      `its shape ${shape.join('x')} repeats a storage of ${storage.length} elements; save it contiguous.`,
    );
  }
  return tensor;
}

/** Whether the elements are contiguous in the storage. */
export function isContiguous({ shape, strides }: Pick<TorchTensor, 'shape' | 'strides'>): boolean {
  const plain = stridesOf(shape);
  return shape.every((length, axis) => length === 1 || strides[axis] === plain[axis]) || size(shape) === 0;
}

/** The bytes of a view of `storage`, in the order of its elements. */
export function gather(
  { dtype, shape, strides, offset }: Pick<TorchTensor, 'dtype' | 'shape' | 'strides' | 'offset'>,
  storage: Uint8Array,
): Uint8Array {
  const elementBytes = BYTES_PER_ELEMENT[dtype];
  const bytes = new Uint8Array(size(shape) * elementBytes);
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < bytes.length; to += elementBytes) {
    bytes.set(storage.subarray(from * elementBytes, (from + 1) * elementBytes), to);
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

/** A name from the file in quotes, for an error message. */
export function quoted(name: string): string {
  return `'${printable(name)}'`;
}
