const thrown = new WeakSet<object>();
const sequences = new WeakSet<object>();

/** Whether a function of the caller's threw an error, which then comes back as it is, whatever it says. */
export const isOfCaller = (error: unknown): boolean => thrown.has(error as object);

/** Notes that a function of the caller's threw an error, and returns it. */
export function ofCaller<E>(error: E): E {
  if (error !== null && /object|function/.test(typeof error)) thrown.add(error as object);
  return error;
}

/** Calls a function of the caller's that does not wait. */
export function calling<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw ofCaller(error);
  }
}

/** Notes that a sequence is the library's own, and returns it: its errors are none of the caller's. */
export function ownSequence<S extends object>(sequence: S): S {
  sequences.add(sequence);
  return sequence;
}

export const isOwnSequence = (sequence: object): boolean => sequences.has(sequence);
