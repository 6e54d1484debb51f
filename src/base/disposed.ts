import { MODEL } from './arguments.js';
import { attempted, fail } from './check.js';

/** What is in use, by the names that messages have for it: models, tensors, and what cannot be disposed. */
export type Used = Readonly<Record<string, unknown>>;

/** Whether a value is a model, also one that was disposed. */
export const isModel = (one: unknown) => attempted(() => 'layers' in (one as object)) ?? false;

const isGone = (one: unknown) =>
  attempted(() => (one as { isDisposed?: boolean }).isDisposed) ?? (isModel(one) && !MODEL.holds(one));

/** Throws if a model or a tensor was disposed since it was checked. */
export function checkInUse(where: string, used: Used): void {
  for (const [name, one] of Object.entries(used)) {
    if (isGone(one)) fail(where, `the ${name} was disposed while it was in use; dispose it afterwards.`);
  }
}
