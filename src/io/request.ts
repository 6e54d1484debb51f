import type { Progress } from '../base/progress.js';
import { ConnectionError, DataError, reason } from './errors.js';
import { unlessIdle } from './idle.js';
import { fetched } from './response.js';

/** Progress of reading one file; `total` is undefined if its length is not known. */
export interface ReadProgress extends Progress {
  unit: 'bytes';
  /** The path, the URL or the name of the file. */
  source: string;
}

/** Options of all functions that read. */
export interface ReadOptions {
  /** Used for requests; default `globalThis.fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Aborts the reading, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called for every piece that arrives from a server. */
  onProgress?: (progress: ReadProgress) => void;
  /**
   * Longer files are refused; default 2 GiB, more than three times the largest published VGG, and no limit for weight files on disk
   * and Blobs of weights, which are read in parts.
   */
  maxBytes?: number;
}

/** The default of {@link ReadOptions.maxBytes}, which every engine can hold in one array. */
export const MAX_READ_BYTES = 2 ** 31;

/** Refuses half an address, such as `http://[`. */
export function checkUrl(url: string): void {
  if (URL.canParse(url)) return;
  throw new DataError(url.slice(0, 100), 'unreadable', 'it is not a valid URL; check the address.');
}

/**
 * A server's response.
 *
 * @throws ConnectionError when the server cannot be reached or does not answer; the signal's reason.
 */
export async function request(
  url: string,
  { fetch = globalThis.fetch, signal }: Pick<ReadOptions, 'fetch' | 'signal'>,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
): Promise<Response> {
  checkUrl(url);
  const idle = new AbortController();
  const stop = signal ? AbortSignal.any([signal, idle.signal]) : idle.signal;
  try {
    const init = { signal: stop, headers, ...(method !== 'GET' && { method }) };
    return await unlessIdle(fetched(fetch, url, init), signal);
  } catch (error) {
    signal?.throwIfAborted();
    idle.abort();
    // Of a `fetch` of ours, which follows redirects itself.
    if (error instanceof DataError) throw error;
    throw error instanceof ConnectionError ? error : new ConnectionError(reason(error), { cause: error });
  }
}

/** The length of a response's body; undefined if the server does not state it or compresses the body. */
export function announcedBytes(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  return length !== null && /^\d+$/.test(length) && encoding === 'identity' ? Number(length) : undefined;
}

/** Whether a server is busy or broken for now. */
export const isBusy = ({ status }: Response): boolean => status === 429 || status >= 500;

/** The error for a response whose status is not OK. */
export function statusError(url: string, response: Response): DataError {
  const { status } = response;
  const answer = `the server answered with status ${status}${response.statusText && ` (${response.statusText})`}`;
  if (status === 404 || status === 410) return new DataError(url, 'missing', `${answer}; check the address.`);
  const remedy = isBusy(response) ? 'try again later' : 'check the address';
  return new DataError(url, 'unreadable', `${answer}; ${remedy}, or use another source.`);
}

/** The error for more bytes than are allowed; `bytes` as text where more may follow, such as 'at least 5000'. */
export function tooLong(source: string, bytes: number | string, maxBytes: number): DataError {
  return new DataError(
    source,
    'unreadable',
    `it has ${bytes} bytes, more than the limit of ${maxBytes}; use another file.`,
  );
}
