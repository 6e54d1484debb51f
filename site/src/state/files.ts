import { signal } from '@preact/signals';
import type { IdxPart } from 'vgg-blocks/data';
import type { FileNames } from './choice.js';
import { epochs, history, notice, openWeights, points, useFiles } from './lab.js';
import { choice, choose, text } from './page.js';

/** The IDX files dropped so far. */
export const idxFiles = signal<{ [part in IdxPart]?: File }>({});
export const idxNames = signal<FileNames>('numbers');
/** An image that was dropped or chosen. */
export const ownImage = signal<ImageBitmap | undefined>(undefined);

export const IDX_PARTS: readonly IdxPart[] = ['trainImages', 'trainLabels', 'testImages', 'testLabels'];

const WEIGHTS = /\.(safetensors|pth|pt|bin|h5|hdf5|keras|onnx|json)$/i;

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
  if (WEIGHTS.test(name) || !/images|labels/i.test(name)) return undefined;
  const split = /train/i.test(name) ? 'train' : /t10k|test|val/i.test(name) ? 'test' : undefined;
  return split && `${split}${/labels/i.test(name) ? 'Labels' : 'Images'}`;
}

function takeIdx(given: File[]): void {
  idxFiles.value = {
    ...idxFiles.value,
    ...Object.fromEntries(given.map((file) => [idxPart(file.name), file])),
  };
  choose({ data: 'files', view: 'train' });
  applyIdx();
}

/** Makes the four files the data set, once they are complete. */
export function applyIdx(): void {
  const all = idxFiles.value;
  if (IDX_PARTS.every((part) => all[part])) {
    useFiles({ kind: 'files', files: all as Record<IdxPart, File>, names: idxNames.value });
  }
}

async function takeImage(file: File): Promise<void> {
  try {
    ownImage.value = await createImageBitmap(file);
    choose({ view: 'inside' });
  } catch (error) {
    notice.value = {
      tone: 'bad',
      text: (t) => t.errors.file,
      detail: `${file.name}: ${(error as Error).message}`,
    };
  }
}

async function takeOther(given: File[]): Promise<void> {
  const model = given.find(({ name }) => /\.json$/i.test(name));
  if (model && (await takeHistory(model))) return;
  const file =
    model ?? given.find(({ name }) => WEIGHTS.test(name) && !/\.weights\.bin$|^group\d/i.test(name));
  if (file) {
    choose({ view: 'weights' });
    await openWeights({ file, shards: given.filter((one) => one !== file) });
    return;
  }
  const { name } = given[0]!;
  const shard = /\.bin$/i.test(name);
  notice.value = { tone: 'bad', text: (t) => (shard ? t.errors.shard(name) : t.errors.unknownFile(name)) };
}

/** Draws the curves of a history saved here, if the file is one. */
async function takeHistory(file: File): Promise<boolean> {
  const parsed: unknown = await file
    .text()
    .then(JSON.parse)
    .catch(() => undefined);
  const given = parsed as typeof history.value;
  if (!Array.isArray(given?.epochs) || !given.epochs.every((row) => Number.isFinite(row?.loss))) return false;
  history.value = given;
  epochs.value = given.epochs;
  points.value = given.epochs.map(({ epoch, loss, trainAccuracy }) => ({
    at: epoch,
    loss,
    accuracy: trainAccuracy,
  }));
  choose({ view: 'train' });
  return true;
}

/** Why the network cannot learn that many classes, if so. */
export function classesProblem(needed: number): string | undefined {
  const { classes } = choice.value;
  return classes < needed ? text.value.train.classesFew(classes, needed) : undefined;
}
