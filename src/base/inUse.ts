import { MODEL } from './arguments.js';
import { attempted, fail } from './check.js';
import { isError } from './realm.js';

/** What TensorFlow.js throws where a model or a tensor is disposed, of which it does not always know. */
const isRaw = (error: unknown) =>
  isError(error) && (error.name === 'TypeError' || / is (already )?disposed\.$/.test(error.message));

/** What is in use, by the names that messages have for it: models, tensors, and what cannot be disposed. */
type Used = Readonly<Record<string, unknown>>;

const isGone = (one: unknown) =>
  attempted(() => (one as { isDisposed?: boolean }).isDisposed) ??
  (attempted(() => 'layers' in (one as object)) && !MODEL.holds(one));

/** Throws if a model or a tensor was disposed since it was checked. */
export function checkInUse(where: string, used: Used): void {
  for (const [name, one] of Object.entries(used)) {
    if (isGone(one)) fail(where, `the ${name} was disposed while it was in use; dispose it afterwards.`);
  }
}

/**
 * Works with models and tensors of the caller's, who may dispose them meanwhile, as in a callback. TensorFlow.js would say it in its own
 * words.
 */
export async function inUse<T>(where: string, used: Used, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isRaw(error)) checkInUse(where, used);
    throw error;
  }
}
