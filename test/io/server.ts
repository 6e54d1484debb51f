import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';

/** A loopback server, what it was asked, and how to stop it. */
export interface TestServer {
  url: string;
  /** The headers of each request so far. */
  requests: IncomingMessage[];
  close(): Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server on 127.0.0.1 that answers its n-th request, counted from 1, with `answer`. */
export async function serve(answer: Answer): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The address of a port that refuses connections, until `close`: one that a connection has on its own side, so that nobody can listen on it. */
export async function refusing(): Promise<{ url: string; close(): Promise<void> }> {
  const server = await serve(() => {});
  const held = createConnection(Number(new URL(server.url).port), '127.0.0.1');
  await new Promise<void>((resolve) => held.once('connect', resolve));
  return {
    url: `http://127.0.0.1:${held.localPort}`,
    close() {
      held.destroy();
      return server.close();
    },
  };
}

/** Of responses that break off: the bytes that are read before, and what happens then, by the number in their header. */
const unread = new Map<string, { left: number; end: () => void }>();
const HEADER = 'x-breaks-off';

const fetched = globalThis.fetch;
/** What a connection that breaks has in its buffers is lost, so those of this file break once all that was sent has been read. */
globalThis.fetch = async (...args) => {
  const response = await fetched(...args);
  const pending = unread.get(response.headers.get(HEADER) ?? '');
  if (!pending || !response.body) return response;
  const { body } = response;
  const getReader = body.getReader.bind(body);
  body.getReader = (() => {
    const reader = getReader();
    return {
      cancel: (reason?: unknown) => reader.cancel(reason),
      async read() {
        const next = await reader.read();
        pending.left -= next.value?.length ?? 0;
        if (pending.left <= 0) setImmediate(pending.end);
        return next;
      },
    };
  }) as never;
  return response;
};

/** Sends the beginning of a body; once it has been read by this process, the connection breaks. The head must not have been sent. */
export function breakOff(response: ServerResponse, beginning: Uint8Array, left = beginning.length): void {
  const number = String(unread.size);
  unread.set(number, { left, end: () => response.destroy() });
  response.setHeader(HEADER, number);
  response.write(beginning);
}

/** The same for a reader in another process, such as a browser: what was sent is on its way before the connection ends. */
export function breakOffElsewhere(response: ServerResponse, beginning: Uint8Array): void {
  response.write(beginning, () => response.destroy());
}

/** Answers with `bytes`, or the part of them that a Range header asks for, and breaks off after `sent` of those. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  {
    sent = Number.POSITIVE_INFINITY,
    etag,
    ranges = true,
    breaking = breakOff,
  }: { sent?: number; etag?: string; ranges?: boolean; breaking?: typeof breakOffElsewhere } = {},
): void {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
  const condition = request.headers['if-range'];
  const partial = ranges && Number.isInteger(first) && (condition === undefined || condition === etag);
  const body = partial ? bytes.subarray(first) : bytes;
  response.statusCode = partial ? 206 : 200;
  response.setHeader('content-length', body.length);
  if (etag) response.setHeader('etag', etag);
  if (partial) response.setHeader('content-range', `bytes ${first}-${bytes.length - 1}/${bytes.length}`);
  if (sent >= body.length) response.end(body);
  else breaking(response, body.subarray(0, sent));
}
