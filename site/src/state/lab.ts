import { signal } from '@preact/signals';
import type { History } from 'vgg-blocks/train';
import type { Text } from '../text/en.js';
import { Client, WorkerFailure } from '../worker/client.js';
import type { Comparison } from '../worker/compare.js';
import type { DataInfo, DataRequest } from '../worker/data.js';
import type { OpenedInfo, WorkerEvent } from '../worker/main.js';
import { type Downloaded, fetchBackend } from './backendFiles.js';
import type { Backend, Choice } from './choice.js';
import { choice } from './page.js';

/** What the worker is doing. */
export type Phase =
  | 'idle'
  | 'starting'
  | 'data'
  | 'building'
  | 'training'
  | 'paused'
  | 'stopping'
  | 'opening';

/** A message, in the language that the page has when it is read. */
export interface Notice {
  tone: 'good' | 'warn' | 'bad';
  text(t: Text): string;
  /** The message of a thrown error. */
  detail?: string;
}

/** A point of the live curves; `at` counts epochs. */
export interface Point {
  at: number;
  loss: number;
  accuracy: number;
}

/** Weights that survive the worker, since the page holds them. */
export interface Snapshot {
  weights: Uint8Array;
  choice: Choice;
  epoch: number;
}

export const phase = signal<Phase>('idle');
export const notice = signal<Notice | undefined>(undefined);
export const points = signal<Point[]>([]);
export const epochs = signal<History['epochs']>([]);
export const speed = signal<{ examplesPerSecond: number; secondsLeft: number } | undefined>(undefined);
export const download = signal<Downloaded | undefined>(undefined);
export const dataInfo = signal<DataInfo | undefined>(undefined);
export const files = signal<(DataRequest & { kind: 'files' }) | undefined>(undefined);
/** The trained network, with the choice it was built from. */
export const trained = signal<{ choice: Choice; layers: string[]; version: number } | undefined>(undefined);
export const opened = signal<(OpenedInfo & { version: number }) | undefined>(undefined);
export const comparison = signal<Comparison | undefined>(undefined);
export const snapshot = signal<Snapshot | undefined>(undefined);
/** The last epoch of the current run, or of the previous one. */
export const aim = signal(0);
/** The history of the last run. */
export const history = signal<History | undefined>(undefined);

let client: Client | undefined;
/** What the worker computes with. */
let running: Pick<Choice, 'backend' | 'kernels'> | undefined;
let loaded: string | undefined;
let openedFiles: { file: File; shards: File[] } | undefined;
let version = 0;

/** The worker on the chosen backend, started if necessary; networks move along when the backend or its kernels change. */
export function worker(): Promise<Client> {
  starting ??= start().finally(() => {
    starting = undefined;
  });
  return starting;
}

/** Who asks while a worker is starting waits for the same one. */
let starting: Promise<Client> | undefined;

async function start(): Promise<Client> {
  const { backend, kernels } = choice.value;
  if (client && !moves()) return client;
  await downloadBackend(backend);
  const before = phase.value;
  phase.value = 'starting';
  try {
    if (client && trained.value) await takeSnapshot(client);
    close();
    const next = new Client(onEvent, onEnd);
    client = next;
    await next.call('start', { backend, kernels });
    running = { backend, kernels };
    if (trained.value && snapshot.value) {
      await next.call('build', { choice: trained.value.choice, weights: snapshot.value.weights });
    }
    if (openedFiles && opened.value) await next.call('open', openedFiles);
    return next;
  } catch (error) {
    close();
    throw error;
  } finally {
    phase.value = before;
  }
}

let canceling = new AbortController();

async function downloadBackend(backend: Backend): Promise<void> {
  canceling = new AbortController();
  const { signal } = canceling;
  const before = phase.value;
  phase.value = 'starting';
  const onProgress = (now: Downloaded) => {
    download.value = now;
  };
  try {
    await fetchBackend(backend, { onProgress, signal });
  } catch {
    throw new WorkerFailure({ kind: 'canceled', message: 'the download was canceled' });
  } finally {
    phase.value = before;
    download.value = undefined;
  }
}

/** Ends the download of a backend or of data. */
export function cancelDownload(): void {
  canceling.abort();
  void client?.call('stop').catch(report);
}

/** Whether the running worker has another backend than the chosen one, or other kernels. */
export function moves(): boolean {
  const { backend, kernels } = choice.value;
  return (
    client !== undefined &&
    (running?.backend !== backend || (backend === 'webgpu' && running.kernels !== kernels))
  );
}

function close(): void {
  client?.close();
  client = undefined;
  running = undefined;
  loaded = undefined;
}

/** Copies the trained network's weights to the page. */
async function takeSnapshot(from: Client): Promise<void> {
  const weights = await from.call('weights', { slot: 'trained', names: 'keras' });
  snapshot.value = { weights, choice: trained.value!.choice, epoch: epochs.value.length };
}

function onEvent(message: WorkerEvent): void {
  switch (message.event) {
    case 'download':
      download.value = message.value;
      break;
    case 'lost':
      lose();
      notice.value = { tone: 'bad', text: (t) => kept(t, t.errors.gpu), detail: message.value };
      break;
    case 'progress': {
      const { done, batches, loss, accuracy, examplesPerSecond, secondsLeft } = message.value;
      addPoint({ at: offset + done / batches, loss, accuracy });
      speed.value = { examplesPerSecond, secondsLeft };
      break;
    }
    case 'epoch':
      epochs.value = [...epochs.value, { ...message.value, epoch: offset + message.value.epoch }];
      break;
    case 'snapshot':
      snapshot.value = { weights: message.value, choice: trained.value!.choice, epoch: epochs.value.length };
      break;
  }
}

function onEnd(message: string): void {
  lose();
  notice.value = {
    tone: 'bad',
    text: (t) => (snapshot.value ? kept(t, t.errors.ended) : `${t.errors.ended} ${t.errors.nothingKept}`),
    detail: message,
  };
}

/** The worker or its GPU is gone, and with it everything that the page does not hold. */
function lose(): void {
  close();
  phase.value = 'idle';
  speed.value = undefined;
  opened.value = undefined;
  openedFiles = undefined;
  if (!snapshot.value) trained.value = undefined;
  // The next run continues from the snapshot, and so do the curves.
  else epochs.value = epochs.value.slice(0, snapshot.value.epoch);
}

/** A message, and which weights are safe. */
function kept(t: Text, message: string): string {
  return snapshot.value ? `${message} ${t.errors.kept(snapshot.value.epoch)}` : message;
}

/** Epochs trained before the current run. */
let offset = 0;
const MAX_POINTS = 1200;

function addPoint(point: Point): void {
  const next = [...points.value, point];
  points.value = next.length > MAX_POINTS ? next.filter((_, i) => i % 2 === 1) : next;
}

/** Shows what went wrong. A lost GPU, a full memory or a kernel that failed ends the worker; the snapshot survives it. */
export function report(error: unknown): void {
  if (!(error instanceof WorkerFailure)) {
    const detail = error instanceof Error ? error.message : String(error);
    notice.value = { tone: 'bad', text: (t) => t.errors.other, detail };
    return;
  }
  const { kind, message } = error.failure;
  if (kind === 'ended' || kind === 'canceled') return;
  const gone = kind === 'gpu' || kind === 'memory' || kind === 'kernels';
  if (gone) lose();
  notice.value = {
    tone: 'bad',
    text: (t) => {
      if (kind === 'download') return `${t.errors.fashion} ${t.train.fashionBlocked}`;
      return gone ? kept(t, t.errors[kind]) : t.errors[kind];
    },
    detail: message,
  };
}

/** Has the worker load the chosen data set, unless it has it already. */
export async function data(from: Client): Promise<void> {
  const request = dataRequest();
  const key = JSON.stringify([request, request.kind === 'files' && filesVersion]);
  if (loaded === key) return;
  const before = phase.value;
  phase.value = 'data';
  try {
    dataInfo.value = await from.call('load', request).catch((error: unknown) => {
      const failure = error instanceof WorkerFailure ? error.failure : undefined;
      if (request.kind !== 'fashion-mnist' || failure?.kind !== 'file') throw error;
      throw new WorkerFailure({ kind: 'download', message: failure.message });
    });
    loaded = key;
  } finally {
    phase.value = before;
    download.value = undefined;
  }
}

let filesVersion = 0;

/** Takes dropped IDX files as the data set. */
export function useFiles(request: DataRequest & { kind: 'files' }): void {
  files.value = request;
  filesVersion++;
}

function dataRequest(): DataRequest {
  const { data: kind, images } = choice.value;
  if (kind === 'fashion-mnist') return { kind };
  if (kind === 'files' && files.value) return files.value;
  return { kind: 'garments', images };
}

/** Trains a new network as chosen, or with `goOn` the existing one. */
export async function train({ goOn = false } = {}): Promise<void> {
  if (phase.value !== 'idle') return;
  notice.value = undefined;
  const chosen = choice.value;
  try {
    phase.value = 'starting';
    const one = await worker();
    phase.value = 'starting';
    await data(one);
    if (!goOn) {
      points.value = [];
      epochs.value = [];
      history.value = undefined;
      snapshot.value = undefined;
      trained.value = undefined;
      phase.value = 'building';
      const { layers } = await one.call('build', { choice: chosen });
      trained.value = { choice: chosen, layers, version: ++version };
    }
    offset = epochs.value.at(-1)?.epoch ?? 0;
    // This run repeats an interrupted epoch, so its points go.
    points.value = points.value.filter(({ at }) => at <= offset);
    aim.value = offset + chosen.epochs;
    phase.value = 'training';
    const { epochs: count, batchSize, optimizer, rate, cosine, seed } = chosen;
    const before = epochs.value;
    const result = await one.call('train', {
      epochs: count,
      batchSize,
      optimizer,
      rate,
      cosine,
      seed: seed + offset,
    });
    epochs.value = [...before, ...result.epochs.map((row) => ({ ...row, epoch: row.epoch + offset }))];
    history.value = { ...result, epochs: epochs.value, weightsOf: epochs.value.length };
    trained.value = { ...trained.value!, version: ++version };
    notice.value = endNotice(result.ended);
  } catch (error) {
    report(error);
  } finally {
    phase.value = 'idle';
    speed.value = undefined;
  }
}

function endNotice(ended: History['ended']): Notice {
  if (ended === 'diverged') return { tone: 'bad', text: (t) => t.train.diverged };
  if (ended === 'aborted') return { tone: 'warn', text: (t) => t.train.stopped };
  return { tone: 'good', text: (t) => t.train.finished(epochs.value.at(-1)?.testAccuracy ?? 0) };
}

export async function pause(): Promise<void> {
  phase.value = 'paused';
  speed.value = undefined;
  await client?.call('pause').catch(report);
}

export async function resume(): Promise<void> {
  phase.value = 'training';
  await client?.call('resume').catch(report);
}

export async function stop(): Promise<void> {
  phase.value = 'stopping';
  await client?.call('stop').catch(report);
}

/** Opens a weight file, or compares the open one with a reference. */
export async function openWeights(given: { file: File; shards: File[] }): Promise<void> {
  if (phase.value !== 'idle') return;
  notice.value = undefined;
  phase.value = 'opening';
  try {
    const one = await worker();
    phase.value = 'opening';
    const answer = await one.call('open', given);
    if ('reference' in answer) comparison.value = answer.reference;
    else {
      opened.value = { ...answer, version: ++version };
      openedFiles = given;
      comparison.value = undefined;
    }
  } catch (error) {
    report(error);
  } finally {
    phase.value = 'idle';
  }
}

/** Makes the opened network the trained one. */
export async function adopt(chosen: Choice): Promise<void> {
  try {
    const one = await worker();
    const { layers } = await one.call('adopt');
    trained.value = { choice: chosen, layers, version: ++version };
    opened.value = undefined;
    openedFiles = undefined;
    points.value = [];
    epochs.value = [];
    history.value = undefined;
    await takeSnapshot(one);
  } catch (error) {
    report(error);
  }
}
