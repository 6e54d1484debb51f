import { unlessAborted } from '../base/unlessAborted.js';
import { ConnectionError, DataError } from './errors.js';
import { announcedBytes, isBusy, MAX_READ_BYTES, type ReadOptions, request, tooLong } from './request.js';
import { bodyOf, discard } from './response.js';
import { ask, type RetryOptions, refusal, withRetries } from './retry.js';

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
export interface TransferOptions extends ReadOptions, RetryOptions {
  /** The file's length, if known. */
  bytes?: number;
  /** Whether the file's checksum is verified in the end. Only then may parts be joined whose version is not known for certain. */
  isVerified?: boolean;
  /** Called with each piece that arrives and its offset in the file. */
  onPiece?: (offset: number, piece: Uint8Array) => Promise<void>;
}

/**
 * Downloads the rest of a file, over up to three connections (`withRetries`). If one breaks, the next requests the missing bytes (RFC
 * 9110, 14.2 and 13.1.5); if the server does not support that, or its file has changed or may have, the whole file is read again.
 *
 * @param received the part that has arrived; it grows in place.
 * @throws DataError that names the URL: `missing` or `unreadable` for a status, after three broken or stalled
 *   connections, or if the server unpacks the file as it sends it; `damaged` for a length other than `bytes`. The part that has arrived stays in `received`.
 */
export async function transfer(url: string, received: Received, options: TransferOptions): Promise<void> {
  const { bytes } = options;
  const connection: Connection = {};
  await withRetries(url, options, async () => {
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
      throw error;
    }
  });
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
  /** Its strong ETag; if the file is verified, or else its date. */
  version?: string;
}

async function receive(
  url: string,
  received: Received,
  connection: Connection,
  options: TransferOptions,
): Promise<void> {
  const { bytes, signal, onProgress, onPiece, isVerified, maxBytes = MAX_READ_BYTES } = options;
  const response = await open(url, received, connection, options);
  connection.version = versionOf(response, isVerified);
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  received.encoding = encoding === 'identity' ? undefined : encoding;
  const announced = announcedBytes(response);
  if (bytes !== undefined && announced !== undefined && received.length + announced !== bytes) {
    discard(response);
    throw otherLength(url, received.length + announced, bytes);
  }
  for await (const piece of bodyOf(url, response, signal)) {
    const offset = received.length;
    received.length += piece.length;
    if (bytes !== undefined && received.length > bytes) {
      throw received.encoding
        ? unpacked(url, received.encoding)
        : otherLength(url, `at least ${received.length}`, bytes);
    }
    if (received.length > maxBytes) throw tooLong(url, `at least ${received.length}`, maxBytes);
    received.pieces.push(piece);
    await onPiece?.(offset, piece);
    await unlessAborted(signal, () =>
      onProgress?.({
        done: received.length,
        total: bytes ?? (announced === undefined ? undefined : offset + announced),
        unit: 'bytes',
        source: url,
      }),
    );
  }
}

/** A response whose body continues `received`: the rest of the file, or all of it after `received` was dropped. */
async function open(
  url: string,
  received: Received,
  connection: Connection,
  options: TransferOptions,
): Promise<Response> {
  if (connection.version === undefined && !options.isVerified) drop(received);
  if (received.length > 0) {
    const rest = await request(url, options, {
      range: `bytes=${received.length}-`,
      ...(connection.version && { 'if-range': connection.version }),
    });
    if (continues(rest, received.length, connection.version, options)) {
      received.joined = true;
      return rest;
    }
    if (isBusy(rest)) {
      discard(rest);
      throw refusal(url, rest);
    }
    drop(received);
    if (rest.status === 200) return rest;
    discard(rest);
    if (rest.status !== 206 && rest.status !== 416) throw refusal(url, rest);
  }
  return ask(url, options);
}

/** Whether a response continues the same version of the file from `offset`. */
function continues(
  response: Response,
  offset: number,
  version: string | undefined,
  { bytes, isVerified }: TransferOptions,
): boolean {
  if (response.status !== 206) return false;
  if (version !== undefined && versionOf(response, isVerified) !== version) return false;
  const range = response.headers.get('content-range');
  // From another site, browsers see this header only if the server exposes it; the file's checksum decides in the end.
  if (range === null) return response.type === 'cors';
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  return Number(first) === offset && (bytes === undefined || total === '*' || Number(total) === bytes);
}

/**
 * A strong ETag, or else, for a verified file, the date, which two versions may share; none for another site's file, because CORS may
 * hide the headers.
 */
function versionOf({ type, headers }: Response, isVerified = false): string | undefined {
  if (type === 'cors') return undefined;
  const tag = headers.get('etag');
  if (tag?.startsWith('"')) return tag;
  return isVerified ? (headers.get('last-modified') ?? undefined) : undefined;
}

function otherLength(url: string, length: number | string, bytes: number): DataError {
  return new DataError(
    url,
    'damaged',
    `the server has ${length} bytes, but the file should have ${bytes}; get it from elsewhere.`,
  );
}
