import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { DataError } from '../../src/io/errors.js';
import { readBytes, sizeOf } from '../../src/io/read.js';
import type { ReadProgress } from '../../src/io/request.js';
import type { RetryOptions } from '../../src/io/retry.js';
import { noise } from '../support/bytes.js';
import { withoutNode } from '../support/withoutNode.js';
import { sendFile, serve, type TestServer } from './server.js';

const bytes = noise(5000);
const folder = mkdtempSync(join(tmpdir(), 'vgg-read-'));
const path = join(folder, 'five thousand');
let server: TestServer;

beforeAll(async () => {
  writeFileSync(path, bytes);
  server = await serve((request, response) => {
    if (request.url === '/file') sendFile(request, response, bytes);
    else if (request.url === '/broken') sendFile(request, response, bytes, { sent: 1000 });
    else response.writeHead(request.url === '/busy' ? 503 : 404).end();
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('readBytes', () => {
  test('reads paths, file URLs, web addresses, data URLs, blobs and bytes alike', async () => {
    const dataUrl = `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`;
    const sources = [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      `${server.url}file`,
      new URL('file', server.url),
      dataUrl,
      new Blob([bytes as BlobPart]),
      bytes,
      bytes.slice().buffer,
    ];
    for (const source of sources) expect(await readBytes(source)).toEqual(bytes);
  });

  test('reports the progress of a download', async () => {
    const seen: ReadProgress[] = [];
    await readBytes(`${server.url}file`, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ source: `${server.url}file`, done: 5000, total: 5000, unit: 'bytes' });
  });

  test('names a path that does not exist, and one that is a folder', async () => {
    await expect(readBytes(join(folder, 'nothing'))).rejects.toThrow(
      new DataError(join(folder, 'nothing'), 'missing', 'no such file; check the path.'),
    );
    await expect(readBytes(folder)).rejects.toThrow(
      `${folder}: it is a folder; use a file that can be read.`,
    );
  });

  test('distinguishes a missing file from a failing server', async () => {
    await expect(readBytes(`${server.url}none`)).rejects.toMatchObject({
      fault: 'missing',
      message: `${server.url}none: the server answered with status 404 (Not Found); check the address.`,
    });
    const busy = readBytes(`${server.url}busy`, { pauseMs: 1 } as RetryOptions);
    await expect(busy).rejects.toMatchObject({
      fault: 'unreadable',
      message: expect.stringContaining('status 503 (Service Unavailable); try again later'),
    });
  });

  test('asks again after a pause where a connection breaks or a server is busy, and reads on', async () => {
    const waits: number[] = [];
    const wait = async (milliseconds: number) => void waits.push(milliseconds);
    const flaky = await serve((request, response, count) => {
      if (count === 1) response.writeHead(503, { 'retry-after': '2' }).end();
      else sendFile(request, response, bytes, { etag: '"a"', ...(count === 2 && { sent: 1000 }) });
    });
    expect(await readBytes(flaky.url, { wait } as RetryOptions)).toEqual(bytes);
    expect(flaky.requests.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      ['bytes=1000-', '"a"'],
    ]);
    expect(waits).toEqual([2000, 500]);
    await flaky.close();
  });

  test.each<[string, (count: number) => Record<string, string>]>([
    ['without an ETag', () => ({})],
    [
      'with a date alone, which two versions may share',
      () => ({ 'last-modified': new Date(0).toUTCString() }),
    ],
    ['with a weak ETag', () => ({ etag: 'W/"a"' })],
    ['with another ETag', (count) => ({ etag: `"${count}"` })],
  ])('never joins the parts of two versions: a file %s is read from the start', async (_, headers) => {
    const other = noise(5000, 9);
    const changed = await serve((request, response, count) => {
      for (const [name, value] of Object.entries(headers(count))) response.setHeader(name, value);
      // Like a server that ignores If-Range.
      delete request.headers['if-range'];
      sendFile(request, response, count === 1 ? bytes : other, count === 1 ? { sent: 1000 } : {});
    });
    expect(await readBytes(changed.url, { pauseMs: 1 } as RetryOptions)).toEqual(other);
    await changed.close();
  });

  test('gives up after three connections', async () => {
    await expect(readBytes(`${server.url}broken`, { pauseMs: 1 } as RetryOptions)).rejects.toMatchObject({
      name: 'DataError',
      fault: 'unreadable',
      message: expect.stringMatching(
        /the connection failed 3 times, the last time with: .+; try again later\.$/,
      ),
    });
  });

  test('says that there is no server', async () => {
    const fetch = async () => {
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    };
    await expect(
      readBytes('https://nobody.example/x', { fetch, pauseMs: 1 } as RetryOptions),
    ).rejects.toThrow(
      'https://nobody.example/x: the connection failed 3 times, the last time with: fetch failed (connect ECONNREFUSED); try again later.',
    );
    await expect(readBytes('data:nothing')).rejects.toThrow(/^data:nothing: .*; check the address\.$/);
  });

  test.each<[string, () => unknown, string]>([
    ['nothing', async () => undefined, 'undefined'],
    ['nothing, at once', () => undefined, 'undefined'],
    ['an empty object', async () => ({}), '{}'],
    ['half a response', async () => ({ ok: true, status: 200 }), '{"ok":true,"status":200}'],
    [
      'a response that was read',
      async () => {
        const response = new Response('x');
        await response.text();
        return response;
      },
      'a Response that was read already',
    ],
  ])('says that a fetch returned %s', async (_, fetch, given) => {
    await expect(readBytes('https://nobody.example/x', { fetch: fetch as never })).rejects.toThrow(
      `https://nobody.example/x: fetch returned ${given}; it must return a Response whose body nobody has read.`,
    );
  });

  test.each<[string, unknown, string]>([
    ['nothing', null, 'a Response whose body gave null in place of a Uint8Array'],
    ['text', 'x', 'a Response whose body gave "x" in place of a Uint8Array'],
    ['a buffer', new ArrayBuffer(3), 'a Response whose body gave an object of class ArrayBuffer in place'],
  ])('says that the body of a response gave %s, and asks no second time', async (_, chunk, given) => {
    let asked = 0;
    const fetch = async () => {
      asked++;
      return new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(chunk);
            controller.close();
          },
        }),
      );
    };
    await expect(readBytes('https://nobody.example/x', { fetch })).rejects.toThrow(
      `https://nobody.example/x: fetch returned ${given}`,
    );
    expect(asked).toBe(1);
  });

  test.each<[string, () => Promise<Response>]>([
    ['that never answers', () => new Promise(() => {})],
    ['whose body never comes', async () => new Response(new ReadableStream({}))],
    [
      'whose body can never be closed',
      async () => new Response(new ReadableStream({ cancel: () => new Promise(() => {}) })),
    ],
  ])('is stopped by the signal in the middle of a fetch %s', async (_, answer) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const fetch = () => {
      setTimeout(() => stop.abort(reason));
      return answer();
    };
    await expect(readBytes('https://nobody.example/x', { fetch, signal: stop.signal })).rejects.toBe(reason);
    await expect(readBytes('https://nobody.example/x', { fetch: answer, signal: stop.signal })).rejects.toBe(
      reason,
    );
  });

  test('says in words why nothing is there, and does not try again what can never be', async () => {
    const calls: string[] = [];
    const failing = (cause: Error) =>
      readBytes('https://nobody.example/x', {
        fetch: async () => {
          calls.push(cause.message);
          throw new TypeError('fetch failed', { cause });
        },
        pauseMs: 1,
      } as RetryOptions);
    const offline = Object.assign(new Error('getaddrinfo ENOTFOUND nobody.example'), { code: 'ENOTFOUND' });
    await expect(failing(offline)).rejects.toThrow(
      'the connection failed 3 times, the last time with: there is no server of this name, or no connection to the internet; try again later.',
    );
    await expect(failing(new Error('bad port'))).rejects.toThrow(
      /^https:\/\/nobody\.example\/x: fetch connects to no server on this port; check the address\.$/,
    );
    expect(calls.slice(3)).toEqual(['bad port']);
    // The one of Node itself.
    await expect(readBytes('http://localhost:1/a')).rejects.toThrow('no server on this port; check');
    await expect(readBytes('http://a:b@localhost:9/a')).rejects.toThrow(
      'no name and password from a URL; check',
    );
  });

  test('a URL of another protocol is no path, also as text', async () => {
    for (const source of ['ftp://example.org/a.bin', new URL('ftp://example.org/a.bin')]) {
      await expect(readBytes(source)).rejects.toThrow(
        'ftp://example.org/a.bin: only http:, https:, data:, blob: and file: URLs can be read; use a file that can be read.',
      );
      await expect(sizeOf(source)).rejects.toThrow('ftp://example.org/a.bin: only http:');
    }
  });

  test.skipIf(process.platform !== 'linux')(
    'says of pipes and of what the system cannot read what they are',
    async () => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      await expect(readBytes(pipe)).rejects.toThrow(`${pipe}: it is a pipe or a device; use a file.`);
      await expect(readBytes('/proc/self/mem')).rejects.toThrow(
        '/proc/self/mem: the system cannot read or write it; use a file that can be read.',
      );
    },
  );

  test.each([
    ['gzip', 'the bytes are not compressed as the server says with Content-Encoding'],
    ['deflate', 'the bytes are not compressed as the server says with Content-Encoding'],
    ['br', 'the bytes are not compressed as the server says with Content-Encoding'],
    [undefined, 'the server redirects to an address with a name and password'],
  ])('says what a server does wrong (%s), and asks it once', async (encoding, words) => {
    let asked = 0;
    const wrong = createServer((_, response) => {
      asked++;
      if (encoding) response.writeHead(200, { 'content-encoding': encoding }).end('plain bytes'.repeat(99));
      else response.writeHead(302, { location: 'http://name:word@localhost:8765/x' }).end();
    });
    await new Promise<void>((resolve) => wrong.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(wrong.address() as AddressInfo).port}/x`;
    await expect(readBytes(url)).rejects.toMatchObject({
      message: `${url}: ${words}; ${encoding ? 'use another source' : 'check the address'}.`,
    });
    expect(asked).toBe(1);
    wrong.closeAllConnections();
    wrong.close();
  });

  test('says that a server speaks no https, and asks it once', async () => {
    const sockets: Socket[] = [];
    const plain = createServer((_, response) => response.end('x')).on('connection', (socket) =>
      sockets.push(socket),
    );
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(plain.address() as AddressInfo).port}/x`;
    await expect(readBytes(url)).rejects.toMatchObject({
      name: 'DataError',
      message: `${url}: the server does not speak https on this port; use http: if the server does, or check the address.`,
    });
    expect(sockets).toHaveLength(1);
    plain.closeAllConnections();
    await new Promise((resolve) => plain.close(resolve));
  });

  test.each([
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      "the server's certificate is self-signed; set NODE_EXTRA_CA_CERTS to a file with it before Node starts, or use another source.",
    ],
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      "the issuer of the server's certificate is not known here; set NODE_EXTRA_CA_CERTS to a file with the issuer's certificate before Node starts, or use another source.",
    ],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', "the issuer of the server's certificate is not known here; set"],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', "the issuer of the server's certificate is not known here; set"],
    [
      'CERT_HAS_EXPIRED',
      "the server's certificate has expired; check the clock of this machine, or use another source.",
    ],
    [
      'CERT_NOT_YET_VALID',
      "the server's certificate is not valid yet; check the clock of this machine, or use another source.",
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      "the server's certificate is for another name than the address has; check the address.",
    ],
    ['CERT_REVOKED', "the server's certificate is not valid; use another source."],
    [
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'the server and this program have no version of TLS in common; use another source.',
    ],
  ])('does not try again what OpenSSL refuses: %s', async (code, sentence) => {
    const fetch = vi.fn(async () => {
      const cause = Object.assign(new Error("OpenSSL's own words"), { code });
      throw new TypeError('fetch failed', { cause });
    });
    await expect(readBytes('https://nobody.example/x', { fetch })).rejects.toThrow(
      `https://nobody.example/x: ${sentence}`,
    );
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test('refuses more bytes than allowed, from every source', async () => {
    for (const source of [path, `${server.url}file`, bytes, new Blob([bytes as BlobPart])]) {
      // The rest of a response is not waited for.
      const has = source === `${server.url}file` ? 'at least 5000' : '5000';
      await expect(readBytes(source, { maxBytes: 4999 })).rejects.toThrow(
        `: it has ${has} bytes, more than the limit of 4999; use another file.`,
      );
      expect(await readBytes(source, { maxBytes: 5000 })).toHaveLength(5000);
    }
  });

  test("stops with the signal's reason, before and while reading", async () => {
    const reason = new Error('enough');
    await expect(readBytes(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const late = new AbortController();
    const hanging = await serve((_, response) => response.writeHead(200).write('x'));
    const waiting = readBytes(hanging.url, { signal: late.signal, onProgress: () => late.abort(reason) });
    await expect(waiting).rejects.toBe(reason);
    await hanging.close();
  });

  test('passes on an error of the progress callback unchanged', async () => {
    const mistake = new Error('of the caller');
    const onProgress = () => {
      throw mistake;
    };
    await expect(readBytes(`${server.url}file`, { onProgress })).rejects.toBe(mistake);
  });

  test('in a browser, resolves other strings against the page', async () => {
    withoutNode();
    vi.stubGlobal('document', { baseURI: `${server.url}page.html` });
    expect(await readBytes('file')).toEqual(bytes);
  });

  test('without a file system or a page, says what to pass instead', async () => {
    withoutNode();
    await expect(readBytes('some/path')).rejects.toThrow(
      'some/path: this runtime has no file system; use Node 20.16 or newer, or pass a URL or the bytes.',
    );
  });
});
