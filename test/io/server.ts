import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

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

/** Answers with `bytes`, or the part of them that a Range header asks for, and breaks off after `sent` of those. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  {
    sent = Number.POSITIVE_INFINITY,
    etag,
    ranges = true,
  }: { sent?: number; etag?: string; ranges?: boolean } = {},
): void {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
  const condition = request.headers['if-range'];
  const partial = ranges && Number.isInteger(first) && (condition === undefined || condition === etag);
  const body = partial ? bytes.subarray(first) : bytes;
  response.writeHead(partial ? 206 : 200, {
    'content-length': body.length,
    ...(etag && { etag }),
    ...(partial && { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (sent >= body.length) response.end(body);
  else response.write(body.subarray(0, sent), () => setTimeout(() => response.destroy(), 20));
}
