import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import workerThreads, { type Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  PLAIN_PREPROCESSING,
  type PreparedImage,
  prepareImage,
  preprocessingAt,
} from '../../src/images/index.js';
import * as source from '../../src/node/index.js';
import { noise } from '../support/bytes.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
const folder = mkdtempSync(join(root, 'node_modules/.cache/vgg-blocks-threads-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, 8);
const COUNT = 66;
const LOST = 20;
const paths = Array.from({ length: COUNT }, (_, i) => join(folder, `${i}.ppm`));

/** The module with the program of its threads beside it, as in the package. */
let packed: typeof source;
let threads: Worker[] = [];
const note = (worker: Worker) => threads.push(worker);

beforeAll(async () => {
  for (const [i, path] of paths.entries()) {
    if (i === LOST) continue;
    const pixels = noise(3 * 20 * (10 + i), i);
    writeFileSync(path, Buffer.concat([Buffer.from(`P6 20 ${10 + i} 255\n`), pixels]));
  }
  await build({
    entryPoints: { node: `${root}src/node/index.ts`, imageThread: `${root}src/node/imageThread.ts` },
    outdir: join(folder, 'packed'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  writeFileSync(join(folder, 'packed', 'package.json'), '{ "type": "module" }');
  packed = await import(join(folder, 'packed', 'node.js'));
  process.on('worker', note);
});
afterAll(() => void process.off('worker', note));
beforeEach(() => {
  threads = [];
});

async function all(module: typeof source, files = paths, use: (i: number) => void = () => {}) {
  const found: { path: string; image?: PreparedImage; error?: string }[] = [];
  for await (const file of module.prepareImages(files, { preprocessing })) {
    use(found.length);
    found.push('error' in file ? { path: file.path, error: file.error.message } : file);
  }
  return found;
}

describe('prepareImages', () => {
  test('prepares many files on a thread, in order, and reports those that cannot be read in their place', async () => {
    const found = await all(packed);
    expect(threads).toHaveLength(Math.min(1, availableParallelism() - 1));
    expect(found.map(({ path }) => path)).toEqual(paths);
    const ended = Promise.all(threads.map((thread) => once(thread, 'exit')));
    for (const [i, { image, error }] of found.entries()) {
      if (i === LOST)
        expect(error).toBe(`${paths[i]} could not be read: there is no such file; check the path.`);
      else expect(image).toEqual(await prepareImage(await source.readImage(paths[i]!), preprocessing));
    }
    expect(await all(source)).toEqual(found);
    // Threads end when they have nothing to do.
    await ended;
  });

  test('starts no thread for few', async () => {
    expect(await all(packed, paths.slice(0, 3))).toHaveLength(3);
    expect(threads).toEqual([]);
  });

  test('begins as many images ahead of the loop as it may, while a network computes', async () => {
    const begun: string[] = [];
    const few = paths.slice(0, 10);
    const seen = new Proxy(few, {
      get(target, name, proxy) {
        if (typeof name === 'string' && /^\d+$/.test(name)) begun.push(name);
        return Reflect.get(target, name, proxy);
      },
    });
    const loop = source.prepareImages(seen, { preprocessing, ahead: 4 });
    begun.length = 0;
    for (const images of [4, 5, 6]) {
      await loop.next();
      // The loop has its first image, or another, and the next ones are under way.
      expect(begun).toEqual(Array.from({ length: images }, (_, i) => String(i)));
    }
    await loop.return();
  });

  test('ends early without what is not begun, and with the reason of a signal', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const loop = async () => {
      for await (const _ of packed.prepareImages(paths, { preprocessing, signal: stop.signal }))
        stop.abort(reason);
    };
    await expect(loop()).rejects.toBe(reason);
    for await (const file of packed.prepareImages(paths, { preprocessing })) {
      expect(file.path).toBe(paths[0]);
      break;
    }
    expect(await all(packed)).toHaveLength(COUNT);
  });

  test('lets signals and timers in while a network computes longer than the images take', async () => {
    const turns: number[] = [];
    const still = new Int32Array(new SharedArrayBuffer(4));
    await all(packed, paths, (i) => {
      setImmediate(() => turns.push(i));
      Atomics.wait(still, 0, 0, 5); // a network that computes
      expect(i - (turns.at(-1) ?? 0)).toBeLessThan(COUNT - 10);
    });
  });

  test('reads the images of a folder of classes on the same thread', async () => {
    const classes = join(folder, 'classes');
    for (const name of ['a', 'b']) mkdirSync(join(classes, name), { recursive: true });
    for (const [i, path] of paths.entries()) {
      if (i !== LOST) copyFileSync(path, join(classes, i % 2 ? 'a' : 'b', `${i}.ppm`));
    }
    const read = async (module: typeof source) => {
      const { trainSet } = await module.imageFolder(classes, { preprocessing, validationFraction: 0 });
      return trainSet.images(Array.from(trainSet.paths, (_, i) => i));
    };
    expect(await read(packed)).toEqual(await read(source));
    expect(threads.length).toBeLessThanOrEqual(1);
  });

  test('goes on without a thread that fails', async () => {
    const expected = await all(source);
    const found = await all(packed, paths, (i) => {
      if (i === 0) for (const thread of threads) void thread.terminate();
    });
    expect(found).toEqual(expected);
  });

  test('goes on without threads where none can be started', async () => {
    const { Worker: Real } = workerThreads;
    const tried: unknown[] = [];
    onTestFinished(() => {
      workerThreads.Worker = Real;
      syncBuiltinESMExports();
    });
    workerThreads.Worker = class {
      constructor(program: unknown) {
        tried.push(program);
        throw Object.assign(new Error('Access to this API has been restricted'), {
          code: 'ERR_ACCESS_DENIED',
        });
      }
    } as never;
    syncBuiltinESMExports();
    const fresh = await import(`${join(folder, 'packed', 'node.js')}?denied`);
    expect(await all(fresh)).toEqual(await all(source));
    expect(tried).toHaveLength(Math.min(1, availableParallelism() - 1));
  });

  test('refuses at once what it cannot take', () => {
    expect(() => source.prepareImages('a.png' as never, { preprocessing })).toThrow(
      'prepareImages: paths is "a.png"; it must be a list of texts.',
    );
    expect(() => source.prepareImages([], { preprocessing, ahead: 0 })).toThrow('prepareImages: ahead is 0');
  });
});
