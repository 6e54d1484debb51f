import { effect, signal } from '@preact/signals';
import type { IdxPart } from 'vgg-blocks/data';
import type { History } from 'vgg-blocks/train';
import { data, IDX_PARTS, idxFiles, idxNames, infoOf, keepFiles, setOf } from './data.js';
import { epochs, history, notice, phase, points, report, run, snapshot, worker } from './lab.js';
import { openWeights } from './opened.js';
import { choice, choose, text } from './page.js';
import { compare, keepRun, keepWeights, type Point } from './runs.js';
import { current } from './shownRun.js';

/** An image that was dropped or chosen. */
export const ownImage = signal<ImageBitmap | undefined>(undefined);

/** What a view does with dropped files, if it takes them itself; it returns whether it has. */
export const viewDrop = signal<((event: DragEvent) => boolean) | undefined>(undefined);

/** The ends of the names of weight files. */
export const WEIGHT_FILES = ['safetensors', 'pth', 'pt', 'bin', 'h5', 'hdf5', 'keras', 'onnx', 'json'].map(
  (end) => `.${end}`,
);
const isWeights = (name: string) => WEIGHT_FILES.some((end) => name.toLowerCase().endsWith(end));

/** Takes dropped files of any kind, and shows the view that uses them. */
export async function takeFiles(given: readonly File[]): Promise<void> {
  const idx = given.filter((file) => idxPart(file.name));
  if (idx.length > 0) takeIdx(idx);
  const images = given.filter((file) => file.type.startsWith('image/'));
  if (images.length > 0) await takeImage(images[0]!);
  const rest = given.filter((file) => !idx.includes(file) && !images.includes(file));
  if (rest.length > 0) await takeOther(rest);
}

/** The part of a data set that an IDX file holds, by its published name or a similar one. */
function idxPart(name: string): IdxPart | undefined {
  if (isWeights(name) || !/images|labels/i.test(name)) return undefined;
  const split = /train/i.test(name) ? 'train' : /t10k|test|val/i.test(name) ? 'test' : undefined;
  return split && `${split}${/labels/i.test(name) ? 'Labels' : 'Images'}`;
}

function takeIdx(given: File[]): void {
  const now = Object.fromEntries(given.map((file) => [idxPart(file.name), file])) as typeof idxFiles.value;
  // Four files of another set replace those of this one; their names are not chosen yet.
  idxFiles.value = IDX_PARTS.every((part) => now[part]) ? now : { ...idxFiles.value, ...now };
  idxNames.value = undefined;
  void keepFiles();
  choose({ data: 'files', view: 'train' });
}

/** Loads dropped files as soon as they are complete and the worker is free, so that they are shown before training. */
export function startLooking(): void {
  let tried = '';
  effect(() => {
    const set = choice.value.view === 'train' ? setOf(choice.value) : undefined;
    if (set?.kind !== 'files' || phase.value !== 'idle' || infoOf(set)) return;
    const key = JSON.stringify(set);
    if (key === tried) return;
    tried = key;
    void worker()
      .then((one) => data(one, set))
      .catch(report);
  });
}

async function takeImage(file: File): Promise<void> {
  try {
    ownImage.value = await createImageBitmap(file);
    choose({ view: 'inside' });
  } catch (error) {
    notice.value = {
      tone: 'bad',
      text: (t) => t.errors.image,
      detail: `${file.name}: ${(error as Error).message}`,
    };
  }
}

async function takeOther(files: File[]): Promise<void> {
  const isJson = ({ name }: File) => /\.json$/i.test(name);
  const given: File[] = [];
  for (const file of files) if (!isJson(file) || !(await takeHistory(file))) given.push(file);
  if (given.length === 0) return;
  const file =
    given.find(isJson) ??
    given.find(({ name }) => isWeights(name) && !/\.weights\.bin$|^group\d/i.test(name));
  if (file) {
    choose({ view: 'weights' });
    await openWeights({ file, shards: given.filter((one) => one !== file) });
    return;
  }
  const { name } = given[0]!;
  const shard = /\.bin$/i.test(name);
  notice.value = { tone: 'bad', text: (t) => (shard ? t.errors.shard(name) : t.errors.unknownFile(name)) };
}

/** Resolves once no network is on its way: the one that comes may be that of a history which is dropped meanwhile. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (['starting', 'data', 'building', 'opening'].includes(phase.value)) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** Shows the curves of a history saved here, if the file is one: those of a run without any, or else beside the others. */
async function takeHistory(file: File): Promise<boolean> {
  const parsed: unknown = await file
    .text()
    .then(JSON.parse)
    .catch(() => undefined);
  const given = parsed as History | undefined;
  if (!Array.isArray(given?.epochs) || !given.epochs.every((row) => Number.isFinite(row?.loss))) return false;
  const dots: Point[] = given.epochs.map(({ epoch, loss, trainAccuracy }) => ({
    at: epoch,
    loss,
    accuracy: trainAccuracy,
  }));
  choose({ view: 'train' });
  await settled();
  if (run.value && epochs.value.length === 0 && phase.value === 'idle') {
    history.value = given;
    epochs.value = given.epochs;
    points.value = dots;
    // What is trained now follows it.
    if (snapshot.value) {
      snapshot.value = { ...snapshot.value, epoch: given.epochs.length };
      await keepWeights(run.value.id, snapshot.value);
    }
    await keepRun(current());
    return true;
  }
  const at = Date.now();
  const id = `file ${at}`;
  const { name: title } = file;
  const rest = { choice: choice.value, set: { kind: 'fashion-mnist' }, layers: [] } as const;
  await keepRun({
    ...{ ...rest, layers: [], id, at, title, imported: true, history: given },
    ...{ epochs: given.epochs, points: dots, aim: given.epochs.length, ended: given.ended },
  });
  compare(id, true);
  return true;
}

/** Why the network cannot learn that many classes, if so. */
export function classesProblem(needed: number): string | undefined {
  const { classes } = choice.value;
  return classes < needed ? text.value.train.classesFew(classes, needed) : undefined;
}
