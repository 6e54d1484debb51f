/** Whether names of classes are numbers, as where a set names none. */
export function isNumbered(names: readonly string[]): boolean {
  return names.every((name, i) => name === String(i));
}

/** Whether two lists name other classes, or in another order; numbers are no names. */
export function areOtherClasses(some: readonly string[], others: readonly string[]): boolean {
  return !isNumbered(some) && !isNumbered(others) && some.join('\n') !== others.join('\n');
}
