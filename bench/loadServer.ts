import { createReadStream, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

/** A folder over loopback, and what was asked of it. */
export interface FolderServer {
  /** The address of the folder, ending in a slash. */
  url: string;
  /** What was answered since the last call. */
  traffic(): { requests: number; bytes: number; paths: string[] };
  close(): void;
}

/** The types without which browsers refuse a file. */
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves a folder on a free port, ranges and HEAD included, as static hosts do, with further headers. */
export async function serveFolder(
  folder: string,
  headers: Record<string, string> = {},
): Promise<FolderServer> {
  const nothing = () => ({ requests: 0, bytes: 0, paths: [] as string[] });
  let answered = nothing();
  const server: Server = createServer(({ method, url = '/', headers: asked }, response) => {
    answered.requests++;
    const path = join(folder, new URL(url, 'http://localhost').pathname.replace(/\/$/, '/index.html'));
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) {
      response.writeHead(404).end();
      return;
    }
    answered.paths.push(path);
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '') ?? [];
    const [start, end] = [Number(first ?? 0), Math.min(Number(last || size - 1), size - 1)];
    response.writeHead(first === undefined ? 200 : 206, {
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      ...headers,
      ...(first !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    const stream = createReadStream(path, { start, end, highWaterMark: 2 ** 20 });
    stream.on('data', ({ length }) => {
      answered.bytes += length;
    });
    // A client that leaves in the middle is its own business.
    stream.on('error', () => response.destroy());
    response.on('close', () => stream.destroy());
    stream.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    traffic() {
      const since = answered;
      answered = nothing();
      return since;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
