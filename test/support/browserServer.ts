import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { breakOffElsewhere, sendFile, serve } from '../io/server.js';
import { imageFolder, type RealSet } from './imageFolders.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether Node tests on wasm alone; see vitest.quick.config.ts. */
    quick?: boolean;
    /** Whether Chromium is here, which runs the tests on WebGPU as well. */
    hasChromium?: boolean;
    /** The backend that a run is about: one of a browser's, or tfjs-node's. */
    backend?: 'wasm' | 'webgl' | 'webgpu' | 'tensorflow';
    /** The address of the tests' server, which is another site than the page. */
    server?: string;
  }
}

const fixtures = new URL('../fixtures/', import.meta.url);

/** A file that a test asks the server to serve, and how often it was asked for. */
interface Kept {
  bytes: Uint8Array;
  ranges: (string | null)[];
}

/**
 * Starts the server of the tests in browsers, on a free port of this machine. `GET /fixtures/NAME` is a fixture,
 * `GET /images/SET/NAME` a file of a set of real images, where this machine has it.
 * What a test puts at `/kept/NAME` is there until it is deleted; `GET /kept/NAME?requests` lists the Range header, or
 * null, of each request so far. Misbehaviour is asked for by the address: `sent=30` breaks the first connection off after
 * so many bytes, `damaged=5` changes that byte, `status=503` is the answer, `cors=no` lets no other site read it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kept = new Map<string, Kept>();
  const server = await serve((request, response) => {
    answer(kept, request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  project.provide('server', server.url);
  return () => server.close();
}

async function answer(
  kept: Map<string, Kept>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams: asked } = new URL(request.url!, 'http://localhost');
  if (asked.get('cors') !== 'no') {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-methods', 'GET, PUT, DELETE');
    response.setHeader('access-control-allow-headers', 'range');
  }
  if (request.method === 'OPTIONS') {
    response.end();
  } else if (/^\/(fixtures|images)\//.test(pathname)) {
    const path = stored(pathname);
    const bytes = path && (await readFile(path).catch(() => undefined));
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  } else if (request.method === 'PUT') {
    kept.set(pathname, { bytes: await bodyOf(request), ranges: [] });
    response.end();
  } else if (request.method === 'DELETE') {
    kept.delete(pathname);
    response.end();
  } else {
    send(kept.get(pathname), asked, request, response);
  }
}

/** The path of a file on this machine that is served. */
function stored(pathname: string): string | undefined {
  const [, kind, first, ...rest] = pathname.split('/');
  if (kind === 'fixtures') return fileURLToPath(new URL([first, ...rest].join('/'), fixtures));
  const folder = imageFolder(first as RealSet);
  return folder && join(folder, ...rest);
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

function send(
  file: Kept | undefined,
  asked: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  if (asked.has('requests')) {
    response.end(JSON.stringify(file.ranges));
    return;
  }
  file.ranges.push(request.headers.range ?? null);
  const damaged = Number(asked.get('damaged') ?? -1);
  const sent = file.ranges.length === 1 && asked.has('sent') ? Number(asked.get('sent')) : undefined;
  if (asked.has('status')) response.writeHead(Number(asked.get('status'))).end();
  else
    sendFile(
      request,
      response,
      file.bytes.map((byte, i) => (i === damaged ? byte ^ 1 : byte)),
      { sent, breaking: breakOffElsewhere },
    );
}
