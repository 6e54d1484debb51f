import { signal } from '@preact/signals';
import type { History } from 'vgg-blocks/train';
import type { Review } from '../worker/inside.js';
import type { TrainRequest } from '../worker/training.js';
import type { Choice, FileNames } from './choice.js';
import { read, readAll, remove, store } from './database.js';

/** A point of the live curves; `at` counts epochs. */
export interface Point {
  at: number;
  loss: number;
  accuracy: number;
}

/** Which images a network is trained on. */
export type SetChoice =
  | { kind: 'garments'; images: number }
  | { kind: 'fashion-mnist' }
  | { kind: 'files'; files: string; names?: FileNames };

/** A stretch of training: a call of `train`, with the checkpoints of which it can be resumed. */
interface Stretch {
  /** Epochs trained before it. */
  before: number;
  request: TrainRequest;
  /** What was chosen when it began; `request` may have another rate and schedule. */
  chosen: TrainRequest;
  /** The database of its checkpoints, until it has ended. */
  store?: string;
}

/** A network trained here. */
export interface Run {
  id: string;
  /** When it began, in milliseconds. */
  at: number;
  title: string;
  /** The choice that it was built from. */
  choice: Choice;
  set: SetChoice;
  layers: string[];
  classNames?: readonly string[];
  stretch?: Stretch;
  /** How its last stretch ended; undefined while it trains, and after it was interrupted. */
  ended?: History['ended'];
  /** A checksum of its kernels, by which a file with them is recognized. */
  sum?: number;
  review?: Review;
}

/** A run as it is kept. */
export interface StoredRun extends Run {
  epochs: History['epochs'];
  points: Point[];
  history?: History;
  aim: number;
  /** Whether it is a history from a file, without a network. */
  imported?: boolean;
}

/** Weights as they are kept: a safetensors file. */
interface StoredWeights {
  weights: Blob;
  epoch: number;
}

/** All runs, the latest first. */
export const runs = signal<StoredRun[]>([]);
/** Those whose curves are drawn beside the current ones. */
export const compared = signal<ReadonlySet<string>>(new Set());
/** Why this browser does not keep runs, if so. */
export const cannotKeep = signal<string | undefined>(undefined);

/** What the browser keeps, or its answer; undefined where it keeps nothing. */
export async function kept<T>(work: () => Promise<T>): Promise<T | undefined> {
  if (cannotKeep.value) return undefined;
  try {
    return await work();
  } catch (error) {
    cannotKeep.value = error instanceof Error ? error.message : String(error);
    return undefined;
  }
}

/** Reads what earlier visits have kept. */
export async function startRuns(): Promise<void> {
  if (typeof indexedDB === 'undefined' || !navigator.locks) {
    cannotKeep.value = 'IndexedDB';
    return;
  }
  const found = (await kept(() => readAll<StoredRun>('runs'))) ?? [];
  runs.value = [...runs.value, ...found.filter(({ id }) => !runs.value.some((run) => run.id === id))].sort(
    (a, b) => b.at - a.at,
  );
}

/** Keeps a run as it is now. */
export async function keepRun(run: StoredRun): Promise<void> {
  const others = runs.value.filter(({ id }) => id !== run.id);
  runs.value = [run, ...others].sort((a, b) => b.at - a.at);
  await kept(() => store('runs', run.id, run));
}

/** Keeps the weights of a run. */
export async function keepWeights(id: string, weights: StoredWeights): Promise<void> {
  await kept(() => store('weights', id, weights));
}

/** The weights of a run; undefined where they are not kept, or cannot be read. */
export async function weightsOf(id: string): Promise<StoredWeights | undefined> {
  return kept(() => read<StoredWeights>('weights', id));
}

/** Forgets a run, its weights and its checkpoints. */
export async function forgetRun({ id, stretch }: Run): Promise<void> {
  runs.value = runs.value.filter((run) => run.id !== id);
  compared.value = new Set([...compared.value].filter((one) => one !== id));
  await kept(() => Promise.all([remove('runs', id), remove('weights', id)]));
  if (stretch?.store) forgetCheckpoints(stretch.store);
}

/** Removes the checkpoints of a stretch that has ended. */
export function forgetCheckpoints(database: string): void {
  indexedDB.deleteDatabase(database);
}

/** Draws the curves of a run beside the current ones, or no more. */
export function compare(id: string, beside: boolean): void {
  const ids = new Set(compared.value);
  if (beside) ids.add(id);
  else ids.delete(id);
  compared.value = ids;
}
