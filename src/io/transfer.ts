import { BusyError, ConnectionError, DataError } from './errors.js';
import {
  announcedBytes,
  bodyOf,
  MAX_READ_BYTES,
  proxyHint,
  type ReadOptions,
  request,
  statusError,
  tooLong,
} from './read.js';

/** The part of a file that has arrived so far. */
export interface Received {
  pieces: Uint8Array[];
  /** The bytes in `pieces`. */
  length: number;
  /** Whether they came from more than one connection. */
  joined: boolean;
  /** The Content-Encoding with which the server sent them, of which nothing is left. */
  encoding?: string;
}

/** How a file is transferred. */
export interface TransferOptions extends Omit<ReadOptions, 'maxBytes'> {
  /** The file's length, if known. */
  bytes?: number;
  /** Called with each piece that arrives and its offset in the file. */
  onPiece?: (offset: number, piece: Uint8Array) => Promise<void>;
  /** Milliseconds before the second connection, doubled before the third; default 250. */
  pauseMs?: number;
  /** Waits; for tests. */
  wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The maximum number of connections per transfer. */
const TRIES = 3;

/** The longest that a server is waited for when it asks for that, in milliseconds. */
const MAX_WAIT = 120_000;

/**
 * Downloads the rest of a file. If a connection breaks, the next one requests the missing bytes (RFC 9110, 14.2 and 13.1.5);
 * if the server does not support that, or its file has changed, the whole file is read again. A server that is busy (429) or broken
 * (5xx) is asked again after the time that it names in Retry-After, up to two minutes.
 *
 * @param received the part that has arrived; it grows in place.
 * @throws DataError that names the URL: `missing` or `unreadable` for a status, after three broken or stalled
 *   connections, or if the server unpacks the file as it sends it; `damaged` for a length other than `bytes`. The part that has arrived stays in `received`.
 */
export async function transfer(url: string, received: Received, options: TransferOptions): Promise<void> {
  const { bytes, signal, pauseMs = 250, wait = pause } = options;
  const connection: Connection = {};
  for (let tries = 1; ; tries++) {
    try {
      await receive(url, received, connection, options);
      if (bytes === undefined || received.length === bytes) return;
      if (received.encoding) throw unpacked(url, received.encoding);
      throw new ConnectionError(`it ended after ${received.length} of ${bytes} bytes`);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (received.length === bytes) return;
      // In a compressed body, a byte's position says nothing about its position in the file.
      if (received.encoding) drop(received);
      const waitMs = error instanceof BusyError ? error.waitMs : 0;
      if (error instanceof BusyError && (tries === TRIES || waitMs > MAX_WAIT)) throw error.final;
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

/** The error for a file that differs from the published one because the server calls its own compression one of the connection. */
export function unpacked(url: string, encoding: string): DataError {
  return new DataError(
    url,
    'unreadable',
    `the server sent it with Content-Encoding: ${encoding}, so that it arrived unpacked and is not the published file; have the server send the file as it is, or get it from elsewhere.`,
  );
}

/** Drops everything that has arrived. */
export function drop(received: Received): void {
  received.pieces = [];
  received.length = 0;
  received.joined = false;
  received.encoding = undefined;
}

/** Facts about the file from the last response. */
interface Connection {
  /** Its strong ETag or its date. */
  version?: string;
}

async function receive(
  url: string,
  received: Received,
  connection: Connection,
  options: TransferOptions,
): Promise<void> {
  const { bytes, signal, onProgress, onPiece } = options;
  const response = await open(url, received, connection, options);
  connection.version = versionOf(response);
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  received.encoding = encoding === 'identity' ? undefined : encoding;
  const announced = announcedBytes(response);
  if (bytes !== undefined && announced !== undefined && received.length + announced !== bytes) {
    await response.body?.cancel();
    throw otherLength(url, received.length + announced, bytes);
  }
  for await (const piece of bodyOf(response, signal)) {
    const offset = received.length;
    received.length += piece.length;
    if (bytes !== undefined && received.length > bytes) {
      throw received.encoding ? unpacked(url, received.encoding) : otherLength(url, received.length, bytes);
    }
    if (received.length > MAX_READ_BYTES) throw tooLong(url, received.length, MAX_READ_BYTES);
    received.pieces.push(piece);
    await onPiece?.(offset, piece);
    await onProgress?.({
      done: received.length,
      total: bytes ?? (announced === undefined ? undefined : offset + announced),
      unit: 'bytes',
      source: url,
    });
  }
}

/** A response whose body continues `received`: the rest of the file, or all of it after `received` was dropped. */
async function open(
  url: string,
  received: Received,
  connection: Connection,
  options: TransferOptions,
): Promise<Response> {
  if (received.length > 0) {
    const rest = await request(url, options, {
      range: `bytes=${received.length}-`,
      ...(connection.version && { 'if-range': connection.version }),
    });
    if (continues(rest, received.length, connection.version, options.bytes)) {
      received.joined = true;
      return rest;
    }
    if (isBusy(rest)) {
      await rest.body?.cancel();
      throw refusal(url, rest);
    }
    drop(received);
    if (rest.status === 200) return rest;
    await rest.body?.cancel();
    if (rest.status !== 206 && rest.status !== 416) throw refusal(url, rest);
  }
  const response = await request(url, options);
  if (response.status === 200) return response;
  await response.body?.cancel();
  throw refusal(url, response);
}

const isBusy = ({ status }: Response) => status === 429 || status >= 500;

/** The error for a response without the file. */
function refusal(url: string, response: Response): Error {
  const final = statusError(url, response);
  return isBusy(response) ? new BusyError(final, retryAfter(response)) : final;
}

/** The milliseconds that a server asks to wait: seconds or a date (RFC 9110, 10.2.3); 0 if it does not. */
function retryAfter({ headers }: Response): number {
  const asked = headers.get('retry-after') ?? '';
  const milliseconds = /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
  return Math.max(0, milliseconds || 0);
}

/** Whether a response continues the same version of the file from `offset`. */
function continues(
  response: Response,
  offset: number,
  version: string | undefined,
  bytes: number | undefined,
): boolean {
  if (response.status !== 206 || (version !== undefined && versionOf(response) !== version)) return false;
  const range = response.headers.get('content-range');
  // From another site, browsers see this header only if the server exposes it; the file's checksum decides in the end.
  if (range === null) return response.type === 'cors';
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  return Number(first) === offset && (bytes === undefined || total === '*' || Number(total) === bytes);
}

/** A strong ETag, or else the date; none for another site's file, because CORS may hide the headers. */
function versionOf(response: Response): string | undefined {
  if (response.type === 'cors') return undefined;
  const tag = response.headers.get('etag');
  return (tag?.startsWith('"') ? tag : response.headers.get('last-modified')) ?? undefined;
}

function otherLength(url: string, length: number, bytes: number): DataError {
  return new DataError(
    url,
    'damaged',
    `the server has at least ${length} bytes, but the file should have ${bytes}; get it from elsewhere.`,
  );
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
