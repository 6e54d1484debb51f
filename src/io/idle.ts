import { beforeAbort } from '../base/unlessAborted.js';
import { ConnectionError } from './errors.js';

/** How long a server may send nothing, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * What a server sends next.
 *
 * @param next resolves when something has arrived.
 * @param signal ends the waiting, which a caller's own `fetch` may not do.
 * @throws ConnectionError after a minute; the signal's reason.
 */
export async function unlessIdle<T>(next: Promise<T>, signal?: AbortSignal): Promise<T> {
  // It may fail once nobody waits for it.
  next.catch(() => {});
  signal?.throwIfAborted();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const idle = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ConnectionError(`the server sent nothing for ${IDLE_MS / 1000} seconds`)),
      IDLE_MS,
    );
  });
  try {
    return await beforeAbort(signal, () => Promise.race([next, idle]));
  } finally {
    clearTimeout(timer);
  }
}
