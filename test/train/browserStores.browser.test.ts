import { describe, expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { type CheckpointStore, indexedDbStore, opfsStore, type TrainOptions } from '../../src/train/index.js';
import { noiseRun } from './noiseRun.js';

/** Stops a run after a number of steps. */
function stopAfter(steps: number): TrainOptions {
  const controller = new AbortController();
  return { signal: controller.signal, onStep: ({ step }) => step === steps && controller.abort() };
}

/** Limits what the page may store. */
async function quota(bytes?: number): Promise<void> {
  await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize: bytes });
}

/** Leaves the page a little room. The databases are closed before, since the browser remembers for half a minute how much they have. */
async function limitRoom(): Promise<void> {
  const { origin } = location;
  await cdp().send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' });
  await quota((await navigator.storage.estimate()).usage! + 2 ** 20);
}

/** Takes all of the room. */
async function fillRoom(): Promise<void> {
  const ballast = indexedDbStore('ballast');
  for (let bytes = 2 ** 20; bytes >= 256; bytes /= 2) {
    await ballast.write(`${bytes}`, once(new Uint8Array(bytes))).catch(() => {});
  }
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** A store without checkpoints. */
async function emptied(store: CheckpointStore): Promise<CheckpointStore> {
  for (const old of await store.list()) await store.remove(old);
  return store;
}

describe.each([
  ['the database', indexedDbStore],
  ['the private folder', opfsStore],
])('a run in %s', (kind, storeOf) => {
  test('is gone on with, and one tab at a time has it', async () => {
    const store = await emptied(storeOf('stopped'));
    await noiseRun({ ...stopAfter(4), checkpoint: { store } });
    expect((await store.list()).sort()).toEqual(['epoch-00002-batch-0000000', 'epoch-00002-batch-0000001']);
    const release = await store.lock();
    await expect(noiseRun({ checkpoint: { store, resume: true } })).rejects.toThrow(
      `${kind} stopped is in use by another tab; close it, or choose another name.`,
    );
    await release();
    const { weights } = await noiseRun({ checkpoint: { store, resume: true } });
    expect(weights).toEqual((await noiseRun({})).weights);
  });

  test('goes on before a damaged checkpoint, which is named', async () => {
    const store = await emptied(storeOf('damaged'));
    await noiseRun({ ...stopAfter(4), checkpoint: { store } });
    const last = (await store.list()).sort().at(-1)!;
    const bytes = new Uint8Array(await ((await store.open(last)) as Blob).arrayBuffer());
    bytes[bytes.length - 100]! ^= 1;
    await store.write(last, once(bytes));
    const { history, weights } = await noiseRun({ checkpoint: { store, resume: true } });
    expect(history.problems).toEqual([
      `${kind} damaged: ${last}: it is damaged or incomplete: its checksum is wrong. The one before it is used.`,
    ]);
    expect(weights).toEqual((await noiseRun({})).weights);
  });

  test('goes on where there is no room, and later from what had room', async () => {
    await limitRoom();
    const store = await emptied(storeOf('without-room'));
    let filled: Promise<void> | undefined;
    const onEpoch = () => (filled ??= fillRoom());
    const problems: string[] = [];
    const onProblem = (problem: string) => problems.push(problem);
    try {
      const { history } = await noiseRun({ onEpoch, checkpoint: { store, everySeconds: 0, onProblem } });
      expect([history.ended, history.problems]).toEqual(['finished', problems]);
    } finally {
      await emptied(indexedDbStore('ballast'));
      await quota();
    }
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) {
      expect(problem).toMatch(
        new RegExp(
          `^a checkpoint could not be stored: ${kind} without-room could not be used: .*quota.*; free some space, .* Training goes on`,
          'i',
        ),
      );
    }
    const { weights } = await noiseRun({ checkpoint: { store, resume: true } });
    expect(weights).toEqual((await noiseRun({})).weights);
  });
});

test.each([indexedDbStore, opfsStore])('a page without locks has no %o', async (storeOf) => {
  Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true });
  try {
    await expect(storeOf('unlocked').lock()).rejects.toThrow(
      'unlocked cannot be locked, because this page is not in a secure context; serve it over https or from localhost, or use memoryStore.',
    );
  } finally {
    Reflect.deleteProperty(navigator, 'locks');
  }
});

test('a worker that ends while it writes a file leaves whole ones, from which a page goes on', async () => {
  const store = await emptied(opfsStore('runs/of-a-worker'));
  const worker = new Worker(new URL('./opfsWorker.ts', import.meta.url), { type: 'module' });
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = reject;
  });
  const checkpoint = { store, resume: true };
  await expect(noiseRun({ checkpoint })).rejects.toThrow('in use by another tab');
  worker.terminate();
  await navigator.locks.request('vgg-blocks/opfs/runs/of-a-worker', () => {});
  expect((await store.list()).sort()).toEqual(['epoch-00001-batch-0000002', 'epoch-00002-batch-0000000']);
  const { weights } = await noiseRun({ checkpoint });
  expect(weights).toEqual((await noiseRun({})).weights);
});

test('what a killed browser leaves of a file is removed', async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('left', { create: true });
  for (const name of ['epoch.safetensors', 'epoch.safetensors.crswap', 'notes.txt']) {
    await folder.getFileHandle(name, { create: true });
  }
  const store = opfsStore('left');
  expect(await store.list()).toEqual([]);
  await (await store.lock())();
  const left: string[] = [];
  for await (const name of folder.keys()) left.push(name);
  expect(left).toEqual(['notes.txt']);
});
