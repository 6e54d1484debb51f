import { BusyError, ConnectionError, DataError } from './errors.js';
import { neverFetched } from './neverFetched.js';
import { isBusy, type ReadOptions, request, statusError } from './request.js';
import { discard } from './response.js';
import { nodeModules } from './runtime.js';

/** How a server is asked again. */
export interface RetryOptions extends Pick<ReadOptions, 'fetch' | 'signal'> {
  /** Milliseconds before the second connection, doubled before the third; default 250. */
  pauseMs?: number;
  /** Waits; for tests. */
  wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The maximum number of connections for one file. */
const TRIES = 3;

/** The longest that a server is waited for when it asks for that, in milliseconds. */
const MAX_WAIT = 120_000;

/**
 * Does again what a broken or stalled connection ended, up to twice, after a pause. A server that is busy (429) or broken (5xx) is
 * asked again after the time that it names in Retry-After, up to two minutes.
 *
 * @param attempt throws ConnectionError, or BusyError, for what another connection may mend.
 * @throws DataError that names the URL, after the last connection; all other errors of `attempt`; the signal's reason.
 */
export async function withRetries<T>(
  url: string,
  { signal, pauseMs = 250, wait = pause }: RetryOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      const waitMs = error instanceof BusyError ? error.waitMs : 0;
      if (error instanceof BusyError && (tries === TRIES || waitMs > MAX_WAIT)) throw error.final;
      const never = neverFetched(error);
      if (never || !/^https?:/i.test(url)) {
        const sentence = `${error.message}; ${never?.remedy ?? 'check the address'}.`;
        throw new DataError(url.slice(0, 100), 'unreadable', sentence, error.cause);
      }
      if (tries === TRIES) {
        throw new DataError(
          url,
          'unreadable',
          `the connection failed ${TRIES} times, the last time with: ${error.message}; try again later${proxyHint()}.`,
          error.cause,
        );
      }
      await wait(Math.max(waitMs, pauseMs * 2 ** (tries - 1)), signal);
    }
  }
}

/**
 * A response that has what was asked for, status 200.
 *
 * @throws BusyError, ConnectionError; DataError for another status; the signal's reason.
 */
export async function ask(
  url: string,
  options: Pick<ReadOptions, 'fetch' | 'signal'>,
  method: 'GET' | 'HEAD' = 'GET',
): Promise<Response> {
  const response = await request(url, options, {}, method);
  if (response.status === 200) return response;
  discard(response);
  throw refusal(url, response);
}

/** The error for a response without the file. */
export function refusal(url: string, response: Response): Error {
  const final = statusError(url, response);
  return isBusy(response) ? new BusyError(final, retryAfter(response)) : final;
}

/** The milliseconds that a server asks to wait: seconds or a date (RFC 9110, 10.2.3); 0 if it does not. */
function retryAfter({ headers }: Response): number {
  const asked = headers.get('retry-after') ?? '';
  const milliseconds = /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
  return Math.max(0, milliseconds || 0);
}

/** What to add to the advice after a failed connection: Node heeds the variables of proxies only if told so. */
function proxyHint(): string {
  const env = nodeModules()?.env ?? {};
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'];
  const set = names.find((name) => env[name]);
  if (set === undefined || env.NODE_USE_ENV_PROXY === '1') return '';
  return `, with NODE_USE_ENV_PROXY=1 for Node to use ${set} (Node 22.21, 24.5 or newer)`;
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
