import { computed, signal } from '@preact/signals';
import type { Client } from '../../worker/client.js';
import type { Taught } from '../../worker/own.js';
import { PREPROCESSINGS, type PreprocessingName } from '../choice.js';
import { read, store } from '../database.js';
import { notice, opened, openedFiles, phase, report, teachProgress, worker } from '../lab.js';
import { text } from '../page.js';
import { cannotKeep } from '../runs.js';
import { sample, sampleWorker } from '../sample.js';
import { classes, images, imagesOf, NEEDED, nameOf, type OwnClass } from './classes.js';

/** The network whose features are used: the one of the opening, or the one opened from a file. */
export type Base = 'sample' | 'opened';

/** A trained last layer, and what it belongs to. */
export interface Head extends Taught {
  id: string;
  base: Base;
  /** The file of the opened network. */
  file?: { name: string; key: string };
  preprocessing: PreprocessingName;
  classes: readonly OwnClass[];
  /** The images that it was trained on, by which it is known whether others have come. */
  trainedOn: string;
  seconds: number;
}

export const head = signal<Head | undefined>(undefined);
export const chosenBase = signal<Base | undefined>(undefined);
export const chosenPreprocessing = signal<PreprocessingName | undefined>(undefined);
/** Whether a last layer is being trained. */
export const isTeaching = signal(false);

/** The base that is used next; a network that somebody opened is meant to be used. */
export const base = computed<Base>(() => (opened.value ? (chosenBase.value ?? 'opened') : 'sample'));

/** The ways to prepare images for it; as its file says only if it does. */
export const preprocessings = computed(() =>
  PREPROCESSINGS.filter((name) => name !== 'file' || infoOfBase()?.preprocessing === 'file'),
);
export const preprocessing = computed<PreprocessingName>(() => {
  const chosen = chosenPreprocessing.value;
  return chosen && base.value === 'opened' && preprocessings.value.includes(chosen)
    ? chosen
    : (infoOfBase()?.preprocessing ?? 'plain');
});

function infoOfBase() {
  return base.value === 'sample' ? sample.value : opened.value;
}

/** Identifies the opened file: by its weights, or where reading them all would take long, by names, sizes and dates. */
function openedFile(): Head['file'] {
  // Read when it changes.
  if (!opened.value || !openedFiles.value) return undefined;
  const { file, shards } = openedFiles.value;
  const { sum } = opened.value;
  if (sum !== undefined) return { name: file.name, key: `sum ${sum}` };
  const key = [file, ...shards].map(({ name, size, lastModified }) => `${name} ${size} ${lastModified}`);
  return { name: file.name, key: key.join('\n') };
}

/** What the images are, as text. */
const imagesNow = computed(() => images.value.map(({ id, of }) => `${id} ${of}`).join('\n'));
export const isStale = computed(() => head.value !== undefined && head.value.trainedOn !== imagesNow.value);

/** Whether the network of the last layer is there. */
export const isThere = computed(
  () =>
    head.value?.base === 'sample' || (head.value !== undefined && head.value.file!.key === openedFile()?.key),
);

/** What is missing before it can be trained, as a sentence. */
export const missing = computed<string | undefined>(() => {
  const { teach: t, list } = text.value.ownImages;
  if (classes.value.length < 2) return t.few;
  const lacking = classes.value.flatMap((one) => {
    const n = NEEDED - imagesOf.value.get(one.id)!.length;
    return n > 0 ? [t.lacks(nameOf(one), n)] : [];
  });
  if (lacking.length > 0) return t.needs(list(lacking));
  const names = classes.value.map(nameOf);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return t.twice(twice);
  return base.value === 'opened' && phase.value !== 'idle' && !isTeaching.value ? t.busy : undefined;
});

const workerOf = (one: Base) => (one === 'sample' ? sampleWorker() : worker());

/** The names of its classes as they are now, of removed ones as they were. */
export function namesOf({ classes: then }: Pick<Head, 'classes'>): string[] {
  return then.map((one) => {
    const now = classes.value.find(({ id }) => id === one.id);
    return now ? nameOf(now) : one.name;
  });
}

/** The last layer that a worker has. */
const has = new WeakMap<Client, string>();
const keyOf = (one: Head) =>
  JSON.stringify([one.id, one.base === 'opened' && opened.value?.version, namesOf(one)]);

let canceled = false;

/** Trains a last layer for the images. */
export async function teach(): Promise<void> {
  if (isTeaching.value || missing.value !== undefined) return;
  const from = base.value;
  isTeaching.value = true;
  canceled = false;
  notice.value = undefined;
  teachProgress.value = undefined;
  if (from === 'opened') phase.value = 'teaching';
  try {
    const one = await workerOf(from);
    if (canceled) return;
    const start = performance.now();
    const names = classes.value.map(nameOf);
    const taught = await one.call('teach', {
      preprocessing: preprocessing.value,
      classNames: names,
      images: images.value.flatMap(({ id, of, name, image }) => {
        const label = classes.value.findIndex((one) => one.id === of);
        return label < 0 ? [] : [{ id, name, label, image }];
      }),
    });
    const now: Head = {
      ...taught,
      id: `${Date.now()}`,
      base: from,
      file: from === 'opened' ? openedFile() : undefined,
      preprocessing: preprocessing.value,
      classes: classes.value.map(({ id }, i) => ({ id, name: names[i]! })),
      trainedOn: imagesNow.value,
      seconds: (performance.now() - start) / 1000,
    };
    has.set(one, keyOf(now));
    head.value = now;
    if (!cannotKeep.value) await store('files', 'own head', now).catch(() => {});
  } catch (error) {
    report(error);
  } finally {
    isTeaching.value = false;
    if (from === 'opened' && phase.value === 'teaching') phase.value = 'idle';
  }
}

export async function stopTeaching(): Promise<void> {
  canceled = true;
  const one = await workerOf(base.value);
  await one.call('stop');
}

/** The worker with the network for the visitor's images. */
export async function ownWorker(): Promise<Client> {
  const now = head.value!;
  const one = await workerOf(now.base);
  if (has.get(one) !== keyOf(now)) {
    const { preprocessing, kernel, bias } = now;
    await one.call('recall', { preprocessing, classNames: namesOf(now), kernel, bias });
    has.set(one, keyOf(now));
  }
  return one;
}

/** Brings back the last layer that an earlier visit has trained. */
export async function startHead(): Promise<void> {
  if (cannotKeep.value) return;
  const kept = await read<Head>('files', 'own head').catch(() => undefined);
  if (kept && !head.value) head.value = kept;
}
