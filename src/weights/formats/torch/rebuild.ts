import { WeightFileError } from '../error.js';
import { MAX_ELEMENTS, MAX_NAME_LENGTH, MAX_RANK } from '../limits.js';
import { BYTES_PER_ELEMENT, type Dtype } from '../tensor.js';
import type { PickleMeaning } from './pickle.js';
import { OTHER_STORAGES, STORAGES, TORCH_DTYPES } from './storages.js';
import { type Budget, PickleName, PickleObject, type PickleValue } from './values.js';

/** A storage; the container, zip or legacy, determines where its bytes are. */
export interface TorchStorage {
  key: string;
  /** Elements, and the bytes of each. */
  length: number;
  itemBytes: number;
}

/** A tensor in a pickle: a view of a storage elsewhere in the file. */
export class TensorObject extends PickleObject {
  constructor(
    readonly dtype: Dtype,
    readonly shape: readonly number[],
    /** Strides and offset in elements of `dtype`. */
    readonly strides: readonly number[],
    readonly offset: number,
    readonly storage: TorchStorage,
  ) {
    super('torch.Tensor');
  }
}

/** A tensor whose numbers are not read, such as a quantized one. */
export class OtherTensor extends PickleObject {
  constructor(
    /** Its kind as a predicate: `quantized`. */
    readonly kind: string,
  ) {
    super('torch.Tensor');
  }
}

/** A storage as the pickle refers to it; before 0.4, this may be a part of it. */
class StorageObject extends PickleObject {
  constructor(
    readonly storage: TorchStorage,
    readonly type: string,
    readonly start: number,
  ) {
    super('torch.Storage');
  }
}

/** Python's sets, before and since Python 3. */
const SETS = ['__builtin__.set', '__builtin__.frozenset', 'builtins.set', 'builtins.frozenset'];

/** The calls and the persistent ids of torch.save. All other calls give opaque objects. */
export class TorchMeaning implements PickleMeaning {
  /** All storages, by key. */
  readonly storages = new Map<string, TorchStorage>();

  constructor(
    readonly file: string,
    readonly budget: Budget,
  ) {}

  reduce(name: string, args: PickleValue[]): PickleValue {
    const [first = null, second = null, third = null] = args;
    if (name === 'collections.OrderedDict') return this.#orderedDict(first);
    if (SETS.includes(name)) return Array.isArray(first) ? first : [];
    // Objects of protocol 1: a class, and `object`.
    if (/^copy_?reg\._reconstructor$/.test(name) && first instanceof PickleName)
      return new PickleObject(first.name);
    // The tensor itself, or on the CPU that of a device such as a TPU.
    if (/^torch\._utils\._rebuild_(parameter(_with_state)?|device_tensor_from_cpu_tensor)$/.test(name))
      return first;
    // A tensor with attributes, or of a subclass: the function and the arguments that rebuild it.
    if (name === 'torch._tensor._rebuild_from_type_v2' && first instanceof PickleName && Array.isArray(third))
      return this.#rebuilt(first.name, third) ?? new OtherTensor(`a ${nameOf(second)}`);
    return this.#rebuilt(name, args) ?? new PickleObject(name);
  }

  /**
   * `('storage', class, key, device, length, view)`; the view, `(key, offset, length)`, is null since 0.4. Older files keep the
   * source code of a module beside its class: `('module', class, file, code)`.
   */
  persistent(id: PickleValue): PickleValue {
    const [kind, type, key, , length, view = null] = Array.isArray(id) ? id : [];
    if (kind === 'module' && type instanceof PickleName) return type;
    const name = type instanceof PickleName ? /^torch\.(?:\w+\.)?_?(\w+)$/.exec(type.name)?.[1] : undefined;
    const itemBytes = name === undefined ? undefined : itemBytesOf(name);
    const sound = kind === 'storage' && itemBytes && typeof key === 'string' && isCount(length);
    // An untyped storage counts bytes.
    if (!sound || length > 8 * MAX_ELEMENTS || key.length > MAX_NAME_LENGTH)
      throw this.#fault('its pickle describes a storage in an unknown way; it is damaged.');
    const storage = this.storages.get(key) ?? { key, length, itemBytes };
    if (storage.length !== length || storage.itemBytes !== itemBytes)
      throw this.#fault('its pickle describes a storage in two ways; it is damaged.');
    this.storages.set(key, storage);
    const [, start = 0, part = length] = Array.isArray(view) ? view : [];
    if (!isCount(start) || !isCount(part) || start + part > length)
      throw this.#fault('its pickle describes a part of a storage beyond its end; it is damaged.');
    return new StorageObject(storage, name!, start);
  }

  /** Python 2 passed the items as an argument. */
  #orderedDict(items: PickleValue): PickleValue {
    const dict = new Map<PickleValue, PickleValue>();
    if (!Array.isArray(items)) return dict;
    this.budget.spend(2 * items.length);
    for (const item of items) if (Array.isArray(item)) dict.set(item[0] ?? null, item[1] ?? null);
    return dict;
  }

  #rebuilt(name: string, args: PickleValue[]): PickleValue | undefined {
    const [, kind] = /^torch\._utils\._rebuild_(\w+)$/.exec(name) ?? [];
    if (kind === undefined) return undefined;
    if (!/^tensor(_v[23])?$/.test(kind)) return new OtherTensor(ownValue(KINDS, kind) ?? 'of another kind');
    const [object, offset, shape, strides, , , last] = args;
    if (!(object instanceof StorageObject)) return new OtherTensor('stored outside of its file');
    if (!isCount(offset) || !isCounts(shape) || !isCounts(strides))
      throw this.#fault('its pickle describes a tensor in an unknown way; it is damaged.');
    const typed = kind !== 'tensor_v3';
    const number = typed ? `torch.${object.type}` : nameOf(last);
    const dtype = typed ? STORAGES[object.type] : ownValue(TORCH_DTYPES, number);
    if (!dtype) return new OtherTensor(kindOf(object.type, number));
    // A view with a lazy negation.
    if (typed && last instanceof Map && last.size > 0) return new OtherTensor('a view that negates');
    return new TensorObject(dtype, shape, strides, object.start + offset, object.storage);
  }

  #fault(reason: string): WeightFileError {
    return new WeightFileError(this.file, reason);
  }
}

/** Kinds of tensors, by the end of the name of the function that rebuilds them. */
const KINDS: Record<string, string> = {
  qtensor: 'quantized',
  sparse_tensor: 'sparse',
  sparse_csr_tensor: 'sparse',
  nested_tensor: 'nested',
  meta_tensor_no_storage: 'without numbers (on the meta device)',
  xla_tensor: 'stored as an array of NumPy (XLA)',
  device_tensor_from_numpy: 'stored as an array of NumPy (XLA)',
  wrapper_subclass: 'distributed or of another subclass of torch.Tensor',
};

function kindOf(storage: string, number: string): string {
  const { kind } = ownValue(OTHER_STORAGES, storage) ?? {};
  return kind === 'quantized' || kind === 'complex' ? kind : `of the type ${number.replace('torch.', '')}`;
}

function itemBytesOf(storage: string): number | undefined {
  const dtype = ownValue(STORAGES, storage);
  return dtype ? BYTES_PER_ELEMENT[dtype] : ownValue(OTHER_STORAGES, storage)?.itemBytes;
}

function ownValue<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function nameOf(value: PickleValue | undefined): string {
  return value instanceof PickleName ? value.name : 'torch.Tensor of another kind';
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Whether a value is a short list of counts; its length is checked first, since a file may share a list of millions. */
function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every(isCount);
}
