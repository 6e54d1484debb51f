import { checkNames } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import { readPickle } from './pickle.js';
import { OtherTensor, TorchMeaning, type TorchStorage } from './rebuild.js';
import { type StateDict, stateDict } from './stateDicts.js';
import type { Budget, PickleValue } from './values.js';
import { checkView, type TorchTensor } from './view.js';

/** What a pickle of `torch.save` holds. */
export interface State extends Omit<StateDict, 'tensors'> {
  tensors: TorchTensor[];
  /** All storages that the pickle refers to, by key; some may have no tensor of the state dict. */
  storages: ReadonlyMap<string, TorchStorage>;
  /** The length of the pickle in bytes. */
  length: number;
}

/**
 * Reads a pickle written by `torch.save`.
 *
 * @param key which state dict, where it holds several; see `stateDict`.
 * @throws WeightFileError when it is damaged, has no state dict or several, or a tensor in it is of an unsupported kind.
 */
export function readState(file: string, bytes: Uint8Array, key: string | undefined, budget: Budget): State {
  const meaning = new TorchMeaning(file, budget);
  const { value, length } = readPickle(file, bytes, meaning, budget);
  const { tensors, ...stated } = stateDict(file, value, key, budget);
  checkNames(file, [...tensors.keys()]);
  const checked = [...tensors].map(([name, tensor]): TorchTensor => {
    if (tensor instanceof OtherTensor) {
      throw new WeightFileError(
        file,
        `it is ${printable(tensor.kind)}, but only dense tensors of floats and integers are read; convert it in PyTorch (or take the network before it was quantized) and save its state_dict.`,
        { tensor: name },
      );
    }
    const { dtype, shape, strides, offset, storage } = tensor;
    return checkView(file, { name, dtype, shape, strides, offset, storage });
  });
  return { tensors: checked, ...stated, storages: meaning.storages, length };
}

/** Reads a pickle of plain data, like the other pickles of the older format. */
export function readPlain(
  file: string,
  bytes: Uint8Array,
  budget: Budget,
): { value: PickleValue; length: number } {
  return readPickle(file, bytes, new TorchMeaning(file, budget), budget);
}
