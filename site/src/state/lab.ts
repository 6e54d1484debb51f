import { computed, signal } from '@preact/signals';
import type { History } from 'vgg-blocks/train';
import { isNetwork } from '../connection.js';
import type { Text } from '../text/en.js';
import { Client, WorkerFailure } from '../worker/client.js';
import type { Comparison } from '../worker/compare.js';
import type { DataInfo } from '../worker/data.js';
import type { OpenedInfo, WorkerEvent } from '../worker/messages.js';
import type { TeachProgress } from '../worker/own.js';
import type { PaintProgress } from '../worker/style.js';
import { type Downloaded, fetchBackend } from './backendFiles.js';
import type { Backend, Choice } from './choice.js';
import { choice } from './page.js';
import type { Point, Run, StoredRun } from './runs.js';

/** What the worker is doing. */
export type Phase =
  | 'idle'
  | 'starting'
  | 'data'
  | 'building'
  | 'training'
  | 'paused'
  | 'stopping'
  | 'opening'
  | 'teaching'
  | 'painting';

/** A message, in the language that the page has when it is read. */
export interface Notice {
  tone: 'good' | 'warn' | 'bad';
  text(t: Text): string;
  /** The message of a thrown error. */
  detail?: string;
  /** Something to do about it. */
  action?: { text(t: Text): string; run(): void };
}

/** Weights that survive the worker, since the page holds them. */
interface Snapshot {
  weights: Blob;
  /** Epochs trained. */
  epoch: number;
}

export const phase = signal<Phase>('idle');
/** Whether a backend is being started, whatever the phase. */
export const isStarting = signal(false);
export const notice = signal<Notice | undefined>(undefined);
export const points = signal<Point[]>([]);
export const epochs = signal<History['epochs']>([]);
export const speed = signal<{ examplesPerSecond: number; secondsLeft: number } | undefined>(undefined);
export const download = signal<Downloaded | undefined>(undefined);
/** How far a worker is with the visitor's own images. */
export const teachProgress = signal<TeachProgress | undefined>(undefined);
/** How far it is with a painting. */
export const paintProgress = signal<PaintProgress | undefined>(undefined);
/** The data set that the worker has, and the choice that it belongs to, as text. */
export const dataInfo = signal<(DataInfo & { key: string }) | undefined>(undefined);
/** The run whose network, curves and history are shown. */
export const run = signal<Run | undefined>(undefined);
/** How often its weights have changed on this page. */
export const changes = signal(0);
/** The trained network, if there is one: its choice, its layers, and a number that changes with its weights. */
export const trained = computed(() => run.value && { ...run.value, version: changes.value });
export const opened = signal<(OpenedInfo & { version: number; run?: StoredRun }) | undefined>(undefined);
export const comparison = signal<Comparison | undefined>(undefined);
export const snapshot = signal<Snapshot | undefined>(undefined);
/** Whether a run that was paused has come to rest: the batch at work when it was asked to is done, and its weights are here. */
export const atRest = signal(false);
/** The last epoch of the run as it is planned. */
export const aim = signal(0);
/** The history of the run, once a part of it has ended. */
export const history = signal<History | undefined>(undefined);

/** What others do when the worker reports something. */
export const onWorker: {
  event(message: Exclude<WorkerEvent, { event: 'download' | 'lost' | 'teach' | 'paint' }>): void;
} = { event: () => {} };

let client: Client | undefined;
/** What the worker computes with. */
let running: Pick<Choice, 'backend' | 'kernels'> | undefined;
/** The run whose network it has. */
let built: string | undefined;
export const openedFiles: { value?: { file: File; shards: File[] } } = {};

let queue: Promise<unknown> = Promise.resolve();

/**
 * The worker on the chosen backend, with the trained and the opened network, started if necessary; networks move along when the
 * backend or its kernels change. Callers are served one after another.
 */
export function worker(): Promise<Client> {
  const next = queue.then(prepared);
  queue = next.catch(() => {});
  return next;
}

async function prepared(): Promise<Client> {
  if (!client || moves()) await start();
  if (run.value && built !== run.value.id && snapshot.value) {
    const { id, choice: of, classNames } = run.value;
    await client!.call('build', { choice: of, classNames, weights: snapshot.value.weights });
    built = id;
  }
  return client!;
}

let canceling = new AbortController();

async function downloadBackend(backend: Backend): Promise<void> {
  canceling = new AbortController();
  const { signal } = canceling;
  const onProgress = (now: Downloaded) => {
    download.value = now;
  };
  try {
    await fetchBackend(backend, { onProgress, signal });
  } catch {
    throw new WorkerFailure({ kind: 'canceled', message: 'the download was canceled' });
  } finally {
    download.value = undefined;
  }
}

/** Ends the download of a backend or of data. */
export function cancelDownload(): void {
  canceling.abort();
  void tell('stop');
}

async function start(): Promise<void> {
  isStarting.value = true;
  try {
    await downloadBackend(choice.value.backend);
    if (client && built !== undefined && built === run.value?.id) await takeSnapshot(client);
    close();
    const { backend, kernels } = choice.value;
    client = new Client(onEvent, onEnd);
    await client.call('start', { backend, kernels });
    running = { backend, kernels };
    if (openedFiles.value && opened.value) await client.call('open', openedFiles.value);
  } catch (error) {
    // A canceled download leaves the worker that was there.
    if (!(error instanceof WorkerFailure && error.failure.kind === 'canceled')) close();
    throw error;
  } finally {
    isStarting.value = false;
  }
}

/** The worker has the network of this run. */
export function isBuilt(id: string | undefined): void {
  built = id;
}

/** Whether the worker has another backend than the chosen one, or other kernels; in a run it keeps them. */
export function moves(): boolean {
  if (['building', 'training', 'paused', 'stopping', 'teaching', 'painting'].includes(phase.value))
    return false;
  const { backend, kernels } = choice.value;
  return (
    client !== undefined &&
    (running?.backend !== backend || (backend === 'webgpu' && running.kernels !== kernels))
  );
}

/** Calls a function of the worker that is there. */
export function tell(name: 'pause' | 'resume' | 'stop'): Promise<void> {
  return client?.call(name).catch(report) ?? Promise.resolve();
}

function close(): void {
  client?.close();
  client = undefined;
  running = undefined;
  built = undefined;
  dataInfo.value = undefined;
}

/** Copies the trained network's weights to the page. */
export async function takeSnapshot(from: Client): Promise<void> {
  onWorker.event({ event: 'snapshot', value: await from.call('snapshot') });
}

function onEvent(message: WorkerEvent): void {
  if (message.event === 'download') download.value = message.value;
  else if (message.event === 'teach') teachProgress.value = message.value;
  else if (message.event === 'paint') paintProgress.value = message.value;
  else if (message.event === 'lost') {
    lose();
    notice.value = { tone: 'bad', text: (t) => kept(t, t.errors.gpu), detail: message.value };
  } else onWorker.event(message);
}

function onEnd(message: string): void {
  lose();
  notice.value = {
    tone: 'bad',
    text: (t) =>
      snapshot.value ? kept(t, endText(t, message)) : `${endText(t, message)} ${t.errors.nothingKept}`,
    detail: message,
  };
}

/** Why a worker is gone. */
export function endText({ errors }: Text, message: string): string {
  return isNetwork(message) ? errors.network : errors.ended;
}

/** The worker or its GPU is gone, and with it everything that the page does not hold. */
function lose(): void {
  close();
  phase.value = 'idle';
  speed.value = undefined;
  opened.value = undefined;
  openedFiles.value = undefined;
  if (!snapshot.value) run.value = undefined;
  // The next run continues from the snapshot, and so do the curves.
  else epochs.value = epochs.value.slice(0, snapshot.value.epoch);
}

/** A message, and which weights are safe. */
function kept(t: Text, message: string): string {
  return snapshot.value ? `${message} ${t.errors.kept(snapshot.value.epoch)}` : message;
}

/** Shows what went wrong. A lost GPU, a full memory or a kernel that failed ends the worker; the snapshot survives it. */
export function report(error: unknown): void {
  if (!(error instanceof WorkerFailure)) {
    const detail = error instanceof Error ? error.message : String(error);
    notice.value = { tone: 'bad', text: (t) => t.errors[isNetwork(detail) ? 'network' : 'other'], detail };
    return;
  }
  const { failure } = error;
  const { kind, message } = failure;
  if (kind === 'ended' || kind === 'canceled') return;
  const gone = kind === 'gpu' || kind === 'memory' || kind === 'kernels';
  if (gone) lose();
  notice.value = {
    tone: 'bad',
    text: (t) => {
      if (kind === 'download') return `${t.errors.fashion} ${t.train.fashionBlocked}`;
      if (kind === 'file') return t.errors.files[('fault' in failure && failure.fault) || 'other'];
      return gone ? kept(t, t.errors[kind]) : t.errors[kind];
    },
    detail: message,
  };
}
