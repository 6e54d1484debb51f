import { ConnectionError, DataError } from './errors.js';
import {
  announcedBytes,
  bodyOf,
  MAX_READ_BYTES,
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
}

/** How a file is transferred. */
export interface TransferOptions extends Omit<ReadOptions, 'maxBytes'> {
  /** The file's length, if known. */
  bytes?: number;
  /** Called with each piece that arrives and its offset in the file. */
  onPiece?: (offset: number, piece: Uint8Array) => Promise<void>;
  /** Milliseconds before the second connection, doubled before the third; default 250. */
  pauseMs?: number;
}

/** The maximum number of connections per transfer. */
const TRIES = 3;

/**
 * Downloads the rest of a file. If a connection breaks, the next one requests the missing bytes (RFC 9110, 14.2 and 13.1.5);
 * if the server does not support that, or its file has changed, the whole file is read again.
 *
 * @param received the part that has arrived; it grows in place.
 * @throws DataError that names the URL: `missing` or `unreadable` for a status or after three broken connections,
 *   `damaged` for a length other than `bytes`. The part that has arrived stays in `received`.
 */
export async function transfer(url: string, received: Received, options: TransferOptions): Promise<void> {
  const { bytes, signal, pauseMs = 250 } = options;
  const connection: Connection = { packed: false };
  for (let tries = 1; ; tries++) {
    try {
      await receive(url, received, connection, options);
      if (bytes === undefined || received.length === bytes) return;
      throw new ConnectionError(`it ended after ${received.length} of ${bytes} bytes`);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (received.length === bytes) return;
      // In a compressed body, a byte's position says nothing about its position in the file.
      if (connection.packed) drop(received);
      if (tries === TRIES) {
        throw new DataError(
          url,
          'unreadable',
          `the connection failed ${TRIES} times, the last time with: ${error.message}; try again later.`,
          error.cause,
        );
      }
      await pause(pauseMs * 2 ** (tries - 1), signal);
    }
  }
}

/** Drops everything that has arrived. */
export function drop(received: Received): void {
  received.pieces = [];
  received.length = 0;
  received.joined = false;
}

/** Facts about the file from the last response. */
interface Connection {
  /** Its strong ETag or its date. */
  version?: string;
  /** Whether the server compressed the body. */
  packed: boolean;
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
  connection.packed = (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
  const announced = announcedBytes(response);
  if (bytes !== undefined && announced !== undefined && received.length + announced !== bytes) {
    await response.body?.cancel();
    throw otherLength(url, received.length + announced, bytes);
  }
  for await (const piece of bodyOf(response, signal)) {
    const offset = received.length;
    received.length += piece.length;
    if (bytes !== undefined && received.length > bytes) throw otherLength(url, received.length, bytes);
    if (received.length > MAX_READ_BYTES) throw tooLong(url, received.length, MAX_READ_BYTES);
    received.pieces.push(piece);
    await onPiece?.(offset, piece);
    onProgress?.({
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
    drop(received);
    if (rest.status === 200) return rest;
    await rest.body?.cancel();
    if (rest.status !== 206 && rest.status !== 416) throw statusError(url, rest);
  }
  const response = await request(url, options);
  if (response.status === 200) return response;
  await response.body?.cancel();
  throw statusError(url, response);
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
