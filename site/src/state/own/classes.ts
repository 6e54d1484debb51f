import { computed, signal } from '@preact/signals';
import { read, readAll, remove, store } from '../database.js';
import { type Notice, notice, report } from '../lab.js';
import { text } from '../page.js';
import { kept } from '../runs.js';
import { sampleWorker } from '../sample.js';

/** A class of the visitor's; without a name it is called by its number. */
export interface OwnClass {
  id: string;
  name: string;
}

/** An image of a class. */
export interface OwnImage {
  id: string;
  /** The class's. */
  of: string;
  name: string;
  /** The order in which they came. */
  at: number;
  image: Blob;
  thumb: Blob;
}

/** Images that each class needs. */
export const NEEDED = 5;

let ids = 0;
const newId = () => `${Date.now().toString(36)}-${ids++}`;

export const classes = signal<readonly OwnClass[]>([
  { id: 'first', name: '' },
  { id: 'second', name: '' },
]);
export const images = signal<readonly OwnImage[]>([]);
/** How many images of those that were given are read. */
export const reading = signal<{ of: string; done: number; total: number } | undefined>(undefined);

/** The images of each class. */
export const imagesOf = computed(() => {
  const all = new Map(classes.value.map(({ id }): [string, OwnImage[]] => [id, []]));
  for (const one of images.value) all.get(one.of)?.push(one);
  return all;
});

/** The name of a class, or by its place. */
export function nameOf({ id, name }: OwnClass): string {
  const place = classes.value.findIndex((one) => one.id === id);
  return name.trim() || text.value.ownImages.classes.className(place + 1);
}

function setClasses(now: readonly OwnClass[]): void {
  classes.value = now;
  void kept(() => store('files', 'own classes', now));
}

/** Brings back what earlier visits have kept. */
export async function startClasses(): Promise<void> {
  await kept(async () => {
    const [names, found] = await Promise.all([
      read<OwnClass[]>('files', 'own classes'),
      readAll<OwnImage>('images'),
    ]);
    if (images.value.length > 0 || !names) return;
    classes.value = names;
    images.value = found.sort((a, b) => a.at - b.at);
  });
}

export function addClass(name = ''): OwnClass {
  const added = { id: newId(), name };
  setClasses([...classes.value, added]);
  return added;
}

export function renameClass(id: string, name: string): void {
  setClasses(classes.value.map((one) => (one.id === id ? { id, name } : one)));
}

/** Removes a class and its images, which can be brought back. */
export function removeClass(one: OwnClass): void {
  const name = nameOf(one);
  const place = classes.value.indexOf(one);
  const own = imagesOf.value.get(one.id)!;
  forget(own);
  setClasses(classes.value.filter((other) => other !== one));
  if (own.length === 0) return;
  offerUndo(
    (t) => t.ownImages.classes.removedClass(name, own.length),
    () => {
      setClasses(classes.value.toSpliced(place, 0, one));
      for (const image of own) keepImage(image);
    },
  );
}

/** Says what was removed, and brings it back if it should not have been. */
export function offerUndo(text: Notice['text'], run: () => void): void {
  notice.value = { tone: 'warn', text, action: { text: (t) => t.ownImages.classes.undo, run } };
}

/** Removes an image, which can be brought back. */
export function removeImage(one: OwnImage, shown: string): void {
  forget([one]);
  offerUndo(
    (t) => t.ownImages.classes.removedImage(shown),
    () => keepImage(one),
  );
}

function forget(some: readonly OwnImage[]): void {
  images.value = images.value.filter((one) => !some.includes(one));
  for (const { id } of some) void kept(() => remove('images', id));
}

function keepImage(one: OwnImage): void {
  images.value = [...images.value, one].sort((a, b) => a.at - b.at);
  void kept(() => store('images', one.id, one));
}

let last = 0;
let queue: Promise<void> = Promise.resolve();

/** Adds images to classes, one after another; those that cannot be used are named, and the others are added. */
export function addImages(given: readonly { of: string; file: File }[]): Promise<void> {
  queue = queue.then(() => take(given)).catch(report);
  return queue;
}

async function take(given: readonly { of: string; file: File }[]): Promise<void> {
  const heic: string[] = [];
  const bad: { name: string; reason: string }[] = [];
  let done = 0;
  try {
    const worker = await sampleWorker();
    for (const { of, file } of given) {
      reading.value = { of, done: done++, total: given.length };
      const found = await worker.call('photo', file);
      if ('image' in found) {
        last = Math.max(last + 1, Date.now());
        keepImage({ id: newId(), of, name: file.name, at: last, ...found });
      } else if (found.isHeic) heic.push(file.name);
      else bad.push({ name: file.name, reason: found.reason });
    }
  } finally {
    reading.value = undefined;
  }
  if (bad.length + heic.length === 0) return;
  const kept = given.length - bad.length - heic.length;
  notice.value = {
    tone: 'bad',
    text: () => {
      const { list, classes: t } = text.value.ownImages;
      const names = list([...heic, ...bad.map(({ name }) => name)].slice(0, NAMED));
      return `${t.unusable(names, kept)} ${heic.length > 0 ? t.heic(list(heic.slice(0, NAMED))) : ''}`;
    },
    detail: bad.map(({ reason }) => reason).join('\n') || undefined,
  };
}

/** Files that a message names, at most. */
const NAMED = 5;
