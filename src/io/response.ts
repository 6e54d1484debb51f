import { FUNCTION, recordOf } from '../base/arguments.js';
import { attempted, shown } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { isBytes } from '../base/realm.js';
import { ConnectionError, DataError, reason } from './errors.js';
import { unlessIdle } from './idle.js';

const READER = recordOf('', { read: FUNCTION, cancel: FUNCTION });

/**
 * What a `fetch` returns, which may be the caller's.
 *
 * @throws DataError when it is no response that can be read, which another try would not mend; whatever `fetch` throws.
 */
export async function fetched(
  fetch: typeof globalThis.fetch,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const response: unknown = await fetch(url, init);
  if (isResponse(response)) return response;
  const isRead = attempted(() => (response as Response).bodyUsed) === true;
  throw wrong(url, isRead ? 'a Response that was read already' : shown(response));
}

function wrong(url: string, given: string): DataError {
  return new DataError(
    printedPath(url),
    'unreadable',
    `fetch returned ${given}; it must return a Response whose body nobody has read.`,
  );
}

/** Whether a value has what is used of a response. */
function isResponse(value: unknown): value is Response {
  const test = () => {
    const { status, headers, body, bodyUsed } = value as Response;
    // Of one that is absent, nothing is known of the others.
    const header: unknown = headers.get('content-type');
    const isHeader = header === null || header === undefined || typeof header === 'string';
    const isBody = body === null || (FUNCTION.holds(body.getReader) && !body.locked);
    return Number.isInteger(status) && isHeader && isBody && bodyUsed !== true;
  };
  return attempted(test) ?? false;
}

/**
 * A response's body, piece by piece. Stopping early closes the connection.
 *
 * @throws ConnectionError when it breaks or stalls; DataError when it gives something else than bytes; the signal's reason.
 */
export async function* bodyOf(
  url: string,
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (!response.body) return;
  const reader = response.body.getReader();
  if (!READER.holds(reader)) throw wrong(url, `a Response whose getReader() returned ${shown(reader)}`);
  try {
    for (;;) {
      const next: unknown = await unlessIdle((async () => reader.read())(), signal).catch(
        (error: unknown) => {
          signal?.throwIfAborted();
          throw error instanceof ConnectionError
            ? error
            : new ConnectionError(reason(error), { cause: error });
        },
      );
      const { done, value } = Object(next) as { done?: unknown; value?: unknown };
      if (done === true) return;
      if (!isBytes(value)) {
        throw wrong(
          url,
          `a Response whose body gave ${shown(done === false ? value : next)} in place of a Uint8Array`,
        );
      }
      yield value;
    }
  } finally {
    // A body of a caller's own may never answer.
    attempted(() => void reader.cancel().catch(() => {}));
  }
}

/** Closes the connection of a response that nobody will read. */
export function discard({ body }: Response): void {
  // A body of a caller's own may never answer, or with no promise.
  attempted(() => void body?.cancel().catch(() => {}));
}
