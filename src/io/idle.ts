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
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop = () => {};
  const idle = new Promise<never>((_, reject) => {
    stop = () => reject(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    timer = setTimeout(
      () => reject(new ConnectionError(`the server sent nothing for ${IDLE_MS / 1000} seconds`)),
      IDLE_MS,
    );
  });
  try {
    return await Promise.race([next, idle]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    // It may fail once nobody waits for it.
    next.catch(() => {});
  }
}
