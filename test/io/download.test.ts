import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openCache } from '../../src/io/cache.js';
import { cacheName, type DownloadOptions, download, downloadFile } from '../../src/io/download.js';
import { noise, sha256 } from '../support/bytes.js';
import { withoutNode } from '../support/withoutNode.js';
import { type Answer, breakOff, sendFile, serve, type TestServer } from './server.js';

const file = noise(200_000);
const sum = sha256(file);
const other = noise(200_000, 2);

let folder: string;
let server: TestServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-download-'));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function fetchFrom(answer: Answer, options: Partial<DownloadOptions> = {}) {
  server ??= await serve(answer);
  return download(`${server.url}data.bin`, { sha256: sum, cache: folder, pauseMs: 1, ...options });
}

async function sumFrom(answer: Answer, options?: Partial<DownloadOptions>) {
  return sha256(await fetchFrom(answer, options));
}

const name = cacheName('http://x/data.bin', sum);
const cached = () => readdirSync(folder);
const ranges = () => server!.requests.map((request) => request.headers.range);

describe('download', () => {
  test('fetches once and then reads the cache', async () => {
    const answer: Answer = (request, response) => sendFile(request, response, file);
    expect(await sumFrom(answer)).toBe(sum);
    expect(await sumFrom(answer, { sha256: sum.toUpperCase() })).toBe(sum);
    expect(server!.requests).toHaveLength(1);
    expect(cached()).toEqual([name]);
  });

  test('downloads a damaged copy in the cache again', async () => {
    writeFileSync(join(folder, name), other);
    expect(await sumFrom((request, response) => sendFile(request, response, file))).toBe(sum);
    expect(sha256(readFileSync(join(folder, name)))).toBe(sum);
  });

  test('verifies a copy that is read piece by piece without reading it whole', async () => {
    const large = noise(9 * 2 ** 20, 7);
    const md5 = createHash('md5').update(large).digest('hex');
    server = await serve((request, response) => sendFile(request, response, large));
    const url = `${server.url}large.bin`;
    for (const sums of [{ sha256: sha256(large) }, { md5 }, {}]) {
      await download(url, { cache: folder, bytes: large.length, ...sums });
      const readFile = vi.spyOn(process.getBuiltinModule('node:fs/promises'), 'readFile');
      const { source } = await downloadFile(url, { cache: folder, bytes: large.length, ...sums });
      expect(readFile).not.toHaveBeenCalled();
      readFile.mockRestore();
      expect(sha256(readFileSync(source as string))).toBe(sha256(large));
    }
    expect(server.requests).toHaveLength(3);
    for (const name of cached()) {
      const damaged = large.slice();
      damaged[5 * 2 ** 20] = damaged[5 * 2 ** 20]! ^ 1;
      writeFileSync(join(folder, name), damaged);
    }
    for (const sums of [{ sha256: sha256(large) }, { md5 }]) {
      const { source } = await downloadFile(url, { cache: folder, ...sums });
      expect(sha256(readFileSync(source as string))).toBe(sha256(large));
    }
    expect(server.requests).toHaveLength(5);
    const controller = new AbortController();
    const verifying = downloadFile(url, { cache: folder, sha256: sha256(large), signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(verifying).rejects.toThrow('enough');
  });

  test('keeps a copy that was not found damaged: verifying it was aborted, or it could not be opened', async () => {
    server = await serve((request, response) => sendFile(request, response, file));
    const url = `${server.url}data.bin`;
    const options = { cache: folder, sha256: sum, pauseMs: 1 };
    await downloadFile(url, options);
    await server.close();
    const fs = process.getBuiltinModule('node:fs/promises');
    const { open } = fs;
    const controller = new AbortController();
    const opened = vi.spyOn(fs, 'open').mockImplementationOnce((...args) => {
      controller.abort();
      return open(...args);
    });
    const error = await downloadFile(url, { ...options, signal: controller.signal }).catch((one) => one);
    // A DOMException, whose code is no system's.
    expect(error).toBe(controller.signal.reason);
    expect(cached()).toEqual([name]);
    opened.mockRejectedValueOnce(Object.assign(new Error('EMFILE: too many'), { code: 'EMFILE' }));
    await expect(downloadFile(url, options)).rejects.toThrow('the server refuses connections');
    opened.mockRestore();
    expect(cached()).toEqual([name]);
    expect((await downloadFile(url, options)).source).toBe(join(folder, name));
  });

  test('writes a piece whole even if the system takes only a part of it at a time', async () => {
    const fs = process.getBuiltinModule('node:fs/promises');
    const { open } = fs;
    const opened = vi.spyOn(fs, 'open').mockImplementation(async (...args) => {
      const handle = await open(...args);
      const { write } = handle;
      handle.write = ((bytes: Uint8Array, from: number, length: number, at: number) =>
        Reflect.apply(write, handle, [bytes, from, Math.min(3, length), at])) as typeof handle.write;
      return handle;
    });
    const cache = openCache(folder);
    await cache.writeAt('x.part', 0, file.subarray(0, 10));
    await cache.writeAt('x.part', 10, file.subarray(10, 30));
    opened.mockRestore();
    expect(await cache.read('x.part')).toEqual(file.slice(0, 30));
  });

  test('without a cache leaves nothing on disk', async () => {
    vi.stubEnv('XDG_CACHE_HOME', folder);
    const answer: Answer = (request, response) => sendFile(request, response, file);
    expect(await sumFrom(answer, { cache: false })).toBe(sum);
    expect(cached()).toEqual([]);
    expect(await sumFrom(answer, { cache: undefined })).toBe(sum);
    expect(existsSync(join(folder, 'vgg-blocks', name))).toBe(true);
    vi.unstubAllEnvs();
  });

  test('a user without a home has no cache, and a relative XDG_CACHE_HOME is none', async () => {
    const home = vi.spyOn(process.getBuiltinModule('node:os'), 'homedir');
    const answer: Answer = (request, response) => sendFile(request, response, file);
    const at = relative(process.cwd(), folder);
    vi.stubEnv('XDG_CACHE_HOME', at);
    for (const homeOf of [
      () => '',
      () => at,
      () => {
        throw new Error('uv_os_homedir returned ENOENT');
      },
    ]) {
      home.mockImplementation(homeOf);
      expect(await sumFrom(answer, { cache: undefined })).toBe(sum);
      expect(cached()).toEqual([]);
    }
    home.mockReturnValue(folder);
    expect(await sumFrom(answer, { cache: undefined })).toBe(sum);
    expect(existsSync(join(folder, '.cache', 'vgg-blocks', name))).toBe(true);
    home.mockRestore();
    vi.unstubAllEnvs();
  });

  test('resumes where the connection broke, if the file is still the same', async () => {
    const got = await sumFrom((request, response, count) =>
      sendFile(request, response, file, { etag: '"a"', sent: count < 3 ? 60_000 : undefined }),
    );
    expect(got).toBe(sum);
    expect(ranges()).toEqual([undefined, 'bytes=60000-', 'bytes=120000-']);
    expect(server!.requests[1]!.headers['if-range']).toBe('"a"');
    expect(cached()).toEqual([name]);
  });

  test('starts again when the file has changed meanwhile', async () => {
    const got = await sumFrom((request, response, count) =>
      count === 1
        ? sendFile(request, response, other, { etag: '"old"', sent: 60_000 })
        : sendFile(request, response, file, { etag: '"new"' }),
    );
    expect(got).toBe(sum);
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
  });

  test('starts again when a server continues with another version in spite of If-Range', async () => {
    const got = await sumFrom((request, response, count) => {
      if (count === 1) return sendFile(request, response, other, { etag: '"old"', sent: 60_000 });
      delete request.headers['if-range'];
      sendFile(request, response, file, { etag: '"new"' });
    });
    expect(got).toBe(sum);
    expect(ranges()).toEqual([undefined, 'bytes=60000-', undefined]);
  });

  test('starts again at a server without ranges', async () => {
    const got = await sumFrom((request, response, count) =>
      sendFile(request, response, file, { ranges: false, sent: count === 1 ? 60_000 : undefined }),
    );
    expect(got).toBe(sum);
    expect(server!.requests).toHaveLength(2);
  });

  test.each([
    ['another place', 'bytes 0-199999/200000'],
    ['a file of another length', 'bytes 60000-299999/300000'],
    ['nothing intelligible', 'lots'],
  ])('starts anew when the rest is said to be of %s', async (_, range) => {
    const got = await sumFrom(
      (request, response, count) => {
        if (count === 2) response.writeHead(206, { 'content-range': range }).end(other);
        else sendFile(request, response, file, { sent: count === 1 ? 60_000 : undefined });
      },
      { bytes: file.length },
    );
    expect(got).toBe(sum);
    expect(server!.requests).toHaveLength(3);
  });

  test('starts again when a server has no more bytes (416)', async () => {
    writeFileSync(join(folder, `${name}.part`), other);
    const got = await sumFrom((request, response) => {
      if (request.headers.range) response.writeHead(416).end();
      else sendFile(request, response, file);
    });
    expect(got).toBe(sum);
    expect(cached()).toEqual([name]);
  });

  test('gives up after three broken connections, and a later call resumes', async () => {
    const answer: Answer = (request, response, count) =>
      sendFile(request, response, file, { sent: count <= 3 ? 30_000 : undefined });
    await expect(fetchFrom(answer, { bytes: file.length })).rejects.toMatchObject({
      name: 'DataError',
      fault: 'unreadable',
      message: expect.stringMatching(
        /^http:.*data\.bin: the connection failed 3 times, the last time with: .+; try again later\.$/,
      ),
    });
    expect(cached()).toEqual([`${name}.part`]);
    expect(sha256(readFileSync(join(folder, `${name}.part`)))).toBe(sha256(file.subarray(0, 90_000)));
    expect(await sumFrom(answer, { bytes: file.length })).toBe(sum);
    expect(ranges().at(-1)).toBe('bytes=90000-');
    expect(cached()).toEqual([name]);
  });

  test('makes no request when an earlier process left the whole file', async () => {
    writeFileSync(join(folder, `${name}.part`), file);
    expect(await sumFrom((_, response) => response.writeHead(500).end(), { bytes: file.length })).toBe(sum);
    expect(server!.requests).toHaveLength(0);
    expect(cached()).toEqual([name]);
  });

  test('drops a damaged beginning and downloads everything once', async () => {
    writeFileSync(join(folder, `${name}.part`), other.subarray(0, 50_000));
    expect(await sumFrom((request, response) => sendFile(request, response, file))).toBe(sum);
    expect(ranges()).toEqual(['bytes=50000-', undefined]);
    expect(cached()).toEqual([name]);
  });

  test('names both sums when the file is another one, and keeps nothing of it', async () => {
    const answer: Answer = (request, response) => sendFile(request, response, other);
    server = await serve(answer);
    const url = `${server.url}data.bin`;
    await expect(fetchFrom(answer)).rejects.toMatchObject({
      fault: 'damaged',
      message: `${url}: the download's SHA-256 is ${sha256(other)} but should be ${sum}; try again, or get the file from elsewhere.`,
    });
    expect(server!.requests).toHaveLength(1);
    expect(cached()).toEqual([]);
  });

  test('repeats a joined download only once', async () => {
    writeFileSync(join(folder, `${name}.part`), other.subarray(0, 50_000));
    const answer: Answer = (request, response, count) =>
      sendFile(request, response, other, { sent: count === 2 ? 70_000 : undefined });
    await expect(fetchFrom(answer)).rejects.toThrow("the download's SHA-256 is");
    expect(ranges()).toEqual(['bytes=50000-', undefined, 'bytes=70000-']);
    expect(cached()).toEqual([]);
  });

  test('refuses another length than the file should have, as soon as it is known', async () => {
    const pieces: number[] = [];
    const options = {
      bytes: 150_000,
      onProgress: ({ done }: { done: number }) => pieces.push(done),
    };
    const sentence = 'the server has 200000 bytes, but the file should have 150000; get it from elsewhere.';
    await expect(
      fetchFrom((request, response) => sendFile(request, response, file), options),
    ).rejects.toThrow(sentence);
    expect(pieces).toEqual([]);
    expect(cached()).toEqual([]);
  });

  test('stops a server that never stops sending', async () => {
    const endless: Answer = (_, response) => {
      const more = () => {
        if (!response.destroyed) response.write(file, () => setImmediate(more));
      };
      response.writeHead(200);
      more();
    };
    await expect(fetchFrom(endless, { bytes: file.length })).rejects.toThrow(
      /the server has at least \d+ bytes, but the file should have 200000;/,
    );
    expect(cached()).toEqual([]);
  });

  test('treats a body that ends early as a broken connection', async () => {
    const got = await sumFrom(
      (request, response, count) => {
        if (count > 1) return sendFile(request, response, file);
        // Without a length, closing the connection is the only end a body has.
        response.useChunkedEncodingByDefault = false;
        response.writeHead(200, { connection: 'close' });
        response.end(file.subarray(0, 60_000));
      },
      { bytes: file.length },
    );
    expect(got).toBe(sum);
    expect(server!.requests).toHaveLength(2);
  });

  test('starts again when a compressed body breaks off', async () => {
    const packed = gzipSync(file);
    const got = await sumFrom((_, response, count) => {
      response.setHeader('content-encoding', 'gzip').setHeader('content-length', packed.length);
      if (count > 1) response.end(packed);
      else breakOff(response, packed.subarray(0, 100_000), 1);
    });
    expect(got).toBe(sum);
    expect(ranges()).toEqual([undefined, undefined]);
  });

  test('resumes from another site that hides its headers, without a forbidden request', async () => {
    const asked: Headers[] = [];
    const fetch = async (_: unknown, init?: RequestInit) => {
      asked.push(new Headers(init?.headers));
      const first = asked.length === 1;
      const pieces = first ? [file.slice(0, 70_000)] : [file.slice(70_000)];
      const body = new ReadableStream({
        pull: (stream) => {
          const piece = pieces.shift();
          if (piece) stream.enqueue(piece);
          else if (first) stream.error(new TypeError('network error'));
          else stream.close();
        },
      });
      const headers = { 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' };
      const response = new Response(body, { status: first ? 200 : 206, headers });
      return Object.defineProperty(response, 'type', { value: 'cors' });
    };
    const got = await download('https://other.example/data.bin', {
      sha256: sum,
      cache: folder,
      pauseMs: 1,
      fetch,
    });
    expect(sha256(got)).toBe(sum);
    expect(asked.map((headers) => [headers.get('range'), headers.get('if-range')])).toEqual([
      [null, null],
      ['bytes=70000-', null],
    ]);
  });

  test('does not ask for half an address', async () => {
    await expect(download('http://[', { sha256: sum, cache: folder })).rejects.toThrow(
      'http://[: it is not a valid URL; check the address.',
    );
  });

  test('does not retry redirects to another protocol', async () => {
    const elsewhere = fetchFrom((_, response) =>
      response.writeHead(302, { location: 'ftp://host/file' }).end(),
    );
    await expect(elsewhere).rejects.toThrow(
      /redirects to what is neither http: nor https:; check the address\.$/,
    );
    expect(server!.requests).toHaveLength(1);
  });

  test.each(['http://[', '//', 'http://a:99999/'])('does not retry a redirect to %s', async (location) => {
    const nowhere = fetchFrom((_, response) => response.writeHead(302, { location }).end());
    await expect(nowhere).rejects.toThrow(/: the server redirects to no valid address; check the address\.$/);
    expect(server!.requests).toHaveLength(1);
  });

  test('does not retry what a server refuses', async () => {
    await expect(fetchFrom((_, response) => response.writeHead(403).end())).rejects.toThrow(
      'the server answered with status 403 (Forbidden); check the address, or use another source.',
    );
    expect(server!.requests).toHaveLength(1);
  });

  test.each([429, 500, 503])(
    'asks a server that answers %i again, after the time it names',
    async (status) => {
      const waited: number[] = [];
      const wait = async (milliseconds: number) => void waited.push(milliseconds);
      const answer: Answer = (request, response, count) => {
        if (count === 1) response.writeHead(status, { 'retry-after': '7' }).end();
        else if (count === 2) response.writeHead(status).end();
        else sendFile(request, response, file);
      };
      expect(await sumFrom(answer, { wait, pauseMs: 250 })).toBe(sum);
      expect(waited).toEqual([7000, 500]);
    },
  );

  test('waits until the date that a server names', async () => {
    const waited: number[] = [];
    const wait = async (milliseconds: number) => void waited.push(milliseconds);
    const date = new Date(Date.now() + 60_000).toUTCString();
    await sumFrom(
      (request, response, count) => {
        if (count === 1) response.writeHead(503, { 'retry-after': date }).end();
        else sendFile(request, response, file);
      },
      { wait },
    );
    expect(waited).toHaveLength(1);
    expect(waited[0]).toBeGreaterThan(1000);
    expect(waited[0]).toBeLessThanOrEqual(60_000);
  });

  test('keeps what has arrived while the server is busy', async () => {
    const got = await sumFrom((request, response, count) => {
      if (count === 2) response.writeHead(503).end();
      else sendFile(request, response, file, { sent: count === 1 ? 60_000 : undefined });
    });
    expect(got).toBe(sum);
    expect(ranges()).toEqual([undefined, 'bytes=60000-', 'bytes=60000-']);
  });

  test('gives up on a server that stays busy, or asks for more than two minutes', async () => {
    const wait = async () => {};
    const refused = 'the server answered with status 503 (Service Unavailable); try again later';
    await expect(fetchFrom((_, response) => response.writeHead(503).end(), { wait })).rejects.toThrow(
      refused,
    );
    expect(server!.requests).toHaveLength(3);
    await server!.close();
    server = undefined;
    const long: Answer = (_, response) => response.writeHead(503, { 'retry-after': '121' }).end();
    await expect(fetchFrom(long, { wait })).rejects.toThrow(refused);
    expect(server!.requests).toHaveLength(1);
  });

  describe('a server that sends nothing for a minute', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    const stalled =
      'the connection failed 3 times, the last time with: the server sent nothing for 60 seconds';
    const from = (fetch: typeof globalThis.fetch) =>
      download('https://x.example/data.bin', { sha256: sum, cache: folder, wait: async () => {}, fetch });

    test('is given up where it does not answer', async () => {
      const signals: AbortSignal[] = [];
      const downloading = from((_, init) => {
        signals.push(init!.signal!);
        queueMicrotask(() => vi.advanceTimersByTime(60_000));
        return new Promise(() => {});
      });
      await expect(downloading).rejects.toThrow(stalled);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    });

    test('is given up within a body, which is closed', async () => {
      let closed = 0;
      const downloading = from(async () => {
        const body = new ReadableStream({
          // What is asked for after the first piece never comes.
          pull: (stream) => {
            if (body.locked) setImmediate(() => vi.advanceTimersByTime(60_000));
            else stream.enqueue(file.slice(0, 10));
          },
          cancel: () => void closed++,
        });
        return new Response(body);
      });
      await expect(downloading).rejects.toThrow(stalled);
      expect(closed).toBe(3);
    });
  });

  test.each([{}, { bytes: 150_000 }, { bytes: 250_000 }])(
    'says that a file was unpacked on its way, with %o',
    async (options) => {
      const packed = gzipSync(file);
      const answer: Answer = (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
      await expect(fetchFrom(answer, { sha256: sha256(packed), ...options })).rejects.toMatchObject({
        fault: 'unreadable',
        message: expect.stringContaining(
          'the server sent it with Content-Encoding: gzip, so that it arrived unpacked',
        ),
      });
      expect(server!.requests).toHaveLength(1);
    },
  );

  test('names a folder in the place of a cached file', async () => {
    mkdirSync(join(folder, name));
    const answer: Answer = (request, response) => sendFile(request, response, file);
    const sentence = `${join(folder, name)}: it is a folder, where the cache keeps a downloaded file; move it away.`;
    await expect(fetchFrom(answer)).rejects.toThrow(sentence);
    await expect(downloadFile(`${server!.url}data.bin`, { sha256: sum, cache: folder })).rejects.toThrow(
      sentence,
    );
    expect(server!.requests).toHaveLength(0);
  });

  test.skipIf(process.platform === 'win32')('waits for no writer of a pipe there', async () => {
    execFileSync('mkfifo', [join(folder, name)]);
    const answer: Answer = (request, response) => sendFile(request, response, file);
    await expect(fetchFrom(answer)).rejects.toThrow(
      `${join(folder, name)}: it is a pipe or a device, where the cache`,
    );
  });

  test('says how Node uses a proxy whose variable is set', async () => {
    const fetch = async () => Promise.reject(new TypeError('fetch failed'));
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example:8080');
    const failing = () => fetchFrom((_, response) => response.end(), { fetch });
    await expect(failing()).rejects.toThrow(
      'try again later, with NODE_USE_ENV_PROXY=1 for Node to use HTTPS_PROXY (Node 22.21, 24.5 or newer).',
    );
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    await expect(failing()).rejects.toThrow('fetch failed; try again later.');
    vi.unstubAllEnvs();
  });

  test('does not retry after an error of the progress callback', async () => {
    const mistake = new Error('of the caller');
    const onProgress = () => {
      throw mistake;
    };
    await expect(
      fetchFrom((request, response) => sendFile(request, response, file), { onProgress }),
    ).rejects.toBe(mistake);
    expect(server!.requests).toHaveLength(1);
  });

  test("stops with the signal's reason, and the next call resumes", async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const answer: Answer = (request, response, count) => {
      if (count > 1) return sendFile(request, response, file);
      response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 40_000));
    };
    const options = {
      signal: stop.signal,
      onProgress: ({ done }: { done: number }) => {
        if (done === 40_000) stop.abort(reason);
      },
    };
    await expect(fetchFrom(answer, options)).rejects.toBe(reason);
    expect(cached()).toEqual([`${name}.part`]);
    expect(await sumFrom(answer)).toBe(sum);
    expect(ranges()).toEqual([undefined, 'bytes=40000-']);
  });

  test('stops while it waits to retry', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 100);
    const answer: Answer = (_, response) => response.destroy();
    await expect(fetchFrom(answer, { signal: stop.signal, pauseMs: 60_000 })).rejects.toThrow('enough');
  });

  test('returns the bytes even where no cache can be written', async () => {
    const blocked = join(folder, 'a file');
    writeFileSync(blocked, 'in the way');
    const answer: Answer = (request, response) => sendFile(request, response, file);
    expect(await sumFrom(answer, { cache: blocked })).toBe(sum);
    expect(await sumFrom(answer, { cache: blocked })).toBe(sum);
    expect(server!.requests).toHaveLength(2);
  });

  test('never uses a damaged copy in the cache that cannot be replaced', async () => {
    const fs = process.getBuiltinModule('node:fs/promises');
    writeFileSync(join(folder, name), other);
    server = await serve((request, response) => sendFile(request, response, file));
    const denied = () => Promise.reject(Object.assign(new Error('denied'), { code: 'EACCES' }));
    const spies = [
      vi.spyOn(fs, 'rm').mockImplementation(denied),
      vi.spyOn(fs, 'rename').mockImplementation(denied),
    ];
    const { source } = await downloadFile(`${server.url}data.bin`, { sha256: sum, cache: folder });
    for (const spy of spies) spy.mockRestore();
    expect(readFileSync(join(folder, name))).toEqual(Buffer.from(other));
    expect(sha256(source as Uint8Array)).toBe(sum);
  });

  test('in a browser, keeps whole files in the Cache API', async () => {
    const stored = new Map<string, Response>();
    const cache = {
      match: async (address: string) => stored.get(address)?.clone(),
      put: async (address: string, response: Response) => void stored.set(address, response),
      delete: async (address: string) => stored.delete(address),
    };
    const opened: string[] = [];
    const answer: Answer = (request, response) => sendFile(request, response, file);
    server = await serve(answer);
    withoutNode();
    vi.stubGlobal('caches', {
      open: async (cacheName: string) => {
        opened.push(cacheName);
        return cache;
      },
    });
    expect(await sumFrom(answer, { cache: undefined })).toBe(sum);
    expect(await sumFrom(answer, { cache: undefined })).toBe(sum);
    expect(server.requests).toHaveLength(1);
    expect([...stored.keys()]).toEqual([`https://vgg-blocks.invalid/${name}`]);
    expect(new Set(opened)).toEqual(new Set(['vgg-blocks']));
  });

  test('keeps files of one name and other contents apart', () => {
    expect(cacheName('https://a.example/x/data.bin?y=1', sum)).toBe(`${sum.slice(0, 16)}-data.bin`);
    expect(cacheName('https://a.example/x/da%2Fta.bin', sum)).toBe(`${sum.slice(0, 16)}-da_2Fta.bin`);
  });
});
