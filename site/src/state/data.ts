import { signal } from '@preact/signals';
import type { IdxPart } from 'vgg-blocks/data';
import { type Client, WorkerFailure } from '../worker/client.js';
import type { DataInfo, DataRequest } from '../worker/data.js';
import type { Choice, FileNames } from './choice.js';
import { read, store } from './database.js';
import { dataInfo, download, notice } from './lab.js';
import { choice, text } from './page.js';
import { cannotKeep, type SetChoice } from './runs.js';

export const IDX_PARTS: readonly IdxPart[] = ['trainImages', 'trainLabels', 'testImages', 'testLabels'];

/** The IDX files dropped so far. */
export const idxFiles = signal<{ [part in IdxPart]?: File }>({});
/** What their classes are called, if that was chosen; otherwise the files tell. */
export const idxNames = signal<FileNames | undefined>(undefined);

/** The set that a choice trains on; undefined while files of it are missing. */
export function setOf({ data, images }: Pick<Choice, 'data' | 'images'>): SetChoice | undefined {
  if (data === 'garments') return { kind: data, images };
  if (data === 'fashion-mnist') return { kind: data };
  const files = filesKey();
  return files === undefined ? undefined : { kind: data, files, names: idxNames.value };
}

/** Identifies the four files; undefined until all are there. */
function filesKey(): string | undefined {
  const all = IDX_PARTS.map((part) => idxFiles.value[part]);
  if (!all.every((file) => file !== undefined)) return undefined;
  return all.map(({ name, size, lastModified }) => `${name} ${size} ${lastModified}`).join('\n');
}

/** What the page knows of a set, if the worker has it. */
export function infoOf(set: SetChoice | undefined): DataInfo | undefined {
  return set && dataInfo.value?.key === JSON.stringify(set) ? dataInfo.value : undefined;
}

/** Has the worker load a set, unless it has it already. */
export async function data(from: Client, set: SetChoice): Promise<void> {
  if (infoOf(set)) return;
  try {
    const info = await from.call('load', requestOf(set)).catch((error: unknown) => {
      const failure = error instanceof WorkerFailure ? error.failure : undefined;
      if (set.kind !== 'fashion-mnist' || failure?.kind !== 'file') throw error;
      throw new WorkerFailure({ kind: 'download', message: failure.message });
    });
    dataInfo.value = { ...info, key: JSON.stringify(set) };
  } finally {
    download.value = undefined;
  }
}

function requestOf(set: SetChoice): DataRequest {
  if (set.kind !== 'files') return set;
  if (set.files !== filesKey())
    throw new Error(text.value.errors.otherFiles(set.files.split('\n').join(', ')));
  return { kind: 'files', files: idxFiles.value as Record<IdxPart, File>, names: set.names };
}

/** Keeps the dropped files for the next visit. */
export async function keepFiles(): Promise<void> {
  if (cannotKeep.value) return;
  await store('files', 'idx', idxFiles.value).catch((error: Error) => {
    notice.value = { tone: 'warn', text: (t) => t.train.filesNotKept, detail: String(error?.message) };
  });
}

/** Brings back the files that were dropped on an earlier visit. */
export async function startFiles(): Promise<void> {
  const kept = cannotKeep.value
    ? undefined
    : await read<typeof idxFiles.value>('files', 'idx').catch(() => {});
  if (kept && Object.keys(idxFiles.value).length === 0) idxFiles.value = kept;
}

/** The set of the current choice, as far as it is known. */
export function chosenInfo(): DataInfo | undefined {
  return infoOf(setOf(choice.value));
}
