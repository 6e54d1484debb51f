import { ConnectionError } from './errors.js';

/** How long a server may send nothing, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * What a server sends next.
 *
 * @param next resolves when something has arrived.
 * @throws ConnectionError after a minute.
 */
export async function unlessIdle<T>(next: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const idle = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ConnectionError(`the server sent nothing for ${IDLE_MS / 1000} seconds`)),
      IDLE_MS,
    );
  });
  try {
    return await Promise.race([next, idle]);
  } finally {
    clearTimeout(timer);
    // It may fail once nobody waits for it.
    next.catch(() => {});
  }
}
