import { WeightFileError } from '../error.js';

/** A value in a pickle. Python's dicts are Maps; lists, tuples and sets are arrays; None is null. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleName
  | PickleObject;

/** A Python name in a pickle, such as `torch.FloatStorage`. It is never resolved. */
export class PickleName {
  constructor(readonly name: string) {}
}

/** Any other Python object: nothing is executed to make it, and only its class and its state are known. */
export class PickleObject {
  /** The state that `BUILD` gives it, usually a dict of its attributes. */
  state: PickleValue = null;

  /** @param className the name that was called to make it, such as `argparse.Namespace`. */
  constructor(readonly className: string) {}
}

/**
 * The work that a pickle may cause: opcodes, elements that are copied or visited, and {@link CONTAINER_COST} for each new
 * container. A state dict of 400 tensors takes 150,000; a history of a million losses, 3 million.
 */
const MAX_WORK = 4_000_000;

/** The cost of an object, a list or a dict, which takes up to 200 bytes where a number takes 24. */
export const CONTAINER_COST = 40;

/** The cost of decoding a text, or of a place in the memo. */
export const TEXT_COST = 4;

/** The budget for all the work that the pickles of a file cause, so that a small pickle takes neither gigabytes nor hours. */
export class Budget {
  #left = MAX_WORK;

  constructor(readonly file: string) {}

  /** Throws a WeightFileError when nothing is left. */
  spend(work: number): void {
    this.#left -= work;
    if (this.#left < 0) {
      throw new WeightFileError(
        this.file,
        'its pickle makes far more values than a state dict has; save model.state_dict() alone with torch.save.',
      );
    }
  }
}
