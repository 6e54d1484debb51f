import { signal } from '@preact/signals';
import type { History } from 'vgg-blocks/train';
import type { Text } from '../text/en.js';
import { Client, WorkerFailure } from '../worker/client.js';
import type { Comparison } from '../worker/compare.js';
import type { DataInfo, DataRequest } from '../worker/data.js';
import type { OpenedInfo, WorkerEvent } from '../worker/main.js';
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

/** Something to tell, in whichever language the page has when it is read. */
export interface Notice {
  tone: 'good' | 'warn' | 'bad';
  say(t: Text): string;
  /** The thrown message, where there is one. */
  detail?: string;
}

/** A point of the live curves; `at` counts epochs. */
export interface Point {
  at: number;
  loss: number;
  accuracy: number;
}

/** Weights in safety on the page's side. */
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
export const download = signal<number | undefined>(undefined);
export const dataInfo = signal<DataInfo | undefined>(undefined);
export const files = signal<(DataRequest & { kind: 'files' }) | undefined>(undefined);
/** The choice by which the trained network was built, while there is one. */
export const trained = signal<{ choice: Choice; layers: string[]; version: number } | undefined>(undefined);
export const opened = signal<(OpenedInfo & { version: number }) | undefined>(undefined);
export const comparison = signal<Comparison | undefined>(undefined);
export const snapshot = signal<Snapshot | undefined>(undefined);
/** The epoch at which the run that goes will end, or the last one ended. */
export const aim = signal(0);
/** The history of the last run, as `curves` and a file take it. */
export const history = signal<History | undefined>(undefined);

let client: Client | undefined;
let running: Backend | undefined;
let loaded: string | undefined;
let openedFiles: { file: File; shards: File[] } | undefined;
let version = 0;

/** The worker on the chosen backend, started if need be; networks move along when the backend changes. */
export async function worker(): Promise<Client> {
  const { backend } = choice.value;
  if (client && running === backend) return client;
  const before = phase.value;
  phase.value = 'starting';
  try {
    if (client && trained.value) await secure(client);
    close();
    const next = new Client(onEvent, onEnd);
    client = next;
    await next.call('start', { backend });
    running = backend;
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

/** Whether the worker that runs has another backend than the one that is chosen. */
export function moves(): boolean {
  return client !== undefined && running !== choice.value.backend;
}

function close(): void {
  client?.close();
  client = undefined;
  running = undefined;
  loaded = undefined;
}

/** Takes the trained network's weights to the page's side. */
async function secure(from: Client): Promise<void> {
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
      notice.value = { tone: 'bad', say: (t) => kept(t, t.errors.gpu), detail: message.value };
      break;
    case 'progress': {
      const { epoch, batch, batches, loss, accuracy, examplesPerSecond, secondsLeft } = message.value;
      addPoint({ at: offset + epoch - 1 + batch / batches, loss, accuracy });
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
    say: (t) => (snapshot.value ? kept(t, t.errors.ended) : `${t.errors.ended} ${t.errors.nothingKept}`),
    detail: message,
  };
}

/** The worker or its GPU is gone, and with it all but what the page has. */
function lose(): void {
  close();
  phase.value = 'idle';
  speed.value = undefined;
  opened.value = undefined;
  openedFiles = undefined;
  if (!snapshot.value) trained.value = undefined;
  // The next run goes on from the weights that were saved, and so do the curves.
  else epochs.value = epochs.value.slice(0, snapshot.value.epoch);
}

/** What was said, and which weights are safe. */
function kept(t: Text, said: string): string {
  return snapshot.value ? `${said} ${t.errors.kept(snapshot.value.epoch)}` : said;
}

/** Epochs trained before the run that goes. */
let offset = 0;
const MOST_POINTS = 1200;

function addPoint(point: Point): void {
  const next = [...points.value, point];
  points.value = next.length > MOST_POINTS ? next.filter((_, i) => i % 2 === 1) : next;
}

/** Says what went wrong. A lost GPU or a full memory ends the worker, and what was trained stays in the snapshot. */
export function report(error: unknown): void {
  if (!(error instanceof WorkerFailure)) {
    const detail = error instanceof Error ? error.message : String(error);
    notice.value = { tone: 'bad', say: (t) => t.errors.other, detail };
    return;
  }
  const { kind, message } = error.failure;
  if (kind === 'ended') return;
  const gone = kind === 'gpu' || kind === 'memory';
  if (gone) lose();
  notice.value = {
    tone: 'bad',
    say: (t) => {
      if (kind === 'download') return `${t.errors.fashion} ${t.train.fashionBlocked}`;
      return gone ? kept(t, t.errors[kind]) : t.errors[kind];
    },
    detail: message,
  };
}

/** The data set that is chosen, loaded if it is not there yet. */
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
  const { data: kind, pictures } = choice.value;
  if (kind === 'fashion-mnist') return { kind };
  if (kind === 'files' && files.value) return files.value;
  return { kind: 'garments', pictures };
}

/** Trains: a new network as it is chosen, or with `goOn` the one that there is. */
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
    // The rest of an epoch that was cut off is not drawn twice.
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
  if (ended === 'diverged') return { tone: 'bad', say: (t) => t.train.diverged };
  if (ended === 'aborted') return { tone: 'warn', say: (t) => t.train.stopped };
  return { tone: 'good', say: (t) => t.train.finished(epochs.value.at(-1)?.testAccuracy ?? 0) };
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

/** Opens a weight file, or compares the one that is open with a reference. */
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

/** Takes the network of the file over to training. */
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
    await secure(one);
  } catch (error) {
    report(error);
  }
}
