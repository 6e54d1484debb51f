import { ofCaller } from './ofCaller.js';

/**
 * Waits for what the caller's code brings, but not beyond an abort that comes meanwhile: it may never come. What begins after the abort,
 * such as the last checkpoint of a run, or has called for it before it first waited, is waited for.
 *
 * @param begin calls the caller's code, whose errors are noted as the caller's.
 * @param drop receives what comes too late, to give it back.
 * @throws the signal's reason.
 */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  begin: () => T | PromiseLike<T>,
  drop?: (late: T) => unknown,
): Promise<T> {
  try {
    return await beforeAbort(signal, begin, drop);
  } catch (error) {
    throw ofCaller(error);
  }
}

/** As {@link unlessAborted}, for what the library's own code brings. */
export async function beforeAbort<T>(
  signal: AbortSignal | undefined,
  begin: () => T | PromiseLike<T>,
  drop: (late: T) => unknown = () => undefined,
): Promise<T> {
  const coming = begin();
  if (!signal || signal.aborted || typeof (coming as PromiseLike<T> | null)?.then !== 'function')
    return coming;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([coming, aborted]);
  } catch (error) {
    // Nobody else would see it fail.
    if (signal.aborted)
      Promise.resolve(coming)
        .then(drop)
        .catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Does work, and returns whether a signal has stopped it. */
export async function isStopped(
  signal: AbortSignal | undefined,
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return true;
    throw error;
  }
}
