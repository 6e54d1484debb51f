/**
 * Takes a lock that the tabs and workers of an origin share, and that ends with the page or worker.
 *
 * @param store what is locked, as messages name it.
 * @returns a function that releases it.
 * @throws Error, one sentence, when another has it, or where there are no such locks.
 */
export function originLock(lock: string, store: string): Promise<() => Promise<void>> {
  if (!navigator.locks) {
    throw new Error(
      `${store} cannot be locked, because this page is not in a secure context; serve it over https or from localhost, or use memoryStore.`,
    );
  }
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(lock, { ifAvailable: true }, (got) => {
      if (!got) throw new Error(`${store} is in use by another tab; close it, or choose another name.`);
      return new Promise<void>((release) =>
        resolve(async () => {
          release();
          await held;
        }),
      );
    });
    held.catch(reject);
  });
}
