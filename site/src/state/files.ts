import { signal } from '@preact/signals';
import type { IdxPart } from 'vgg-blocks/data';
import { epochs, history, notice, openWeights, points, useFiles } from './lab.js';
import { choice, choose, text } from './page.js';

/** IDX files that have been dropped, by what they hold, until there are four. */
export const idxFiles = signal<{ [part in IdxPart]?: File }>({});
export const idxNames = signal<'garments' | 'digits'>('garments');
/** A picture that was dropped or chosen. */
export const picture = signal<ImageBitmap | undefined>(undefined);

export const IDX_PARTS: readonly IdxPart[] = ['trainImages', 'trainLabels', 'testImages', 'testLabels'];

const WEIGHTS = /\.(safetensors|pth|pt|bin|h5|hdf5|keras|json)$/i;

/** Takes whatever was dropped: each file goes to where it is of use, and the view follows. */
export async function takeFiles(given: readonly File[]): Promise<void> {
  const idx = given.filter((file) => idxPart(file.name));
  if (idx.length > 0) takeIdx(idx);
  const pictures = given.filter((file) => file.type.startsWith('image/'));
  if (pictures.length > 0) await takePicture(pictures[0]!);
  const rest = given.filter((file) => !idx.includes(file) && !pictures.includes(file));
  if (rest.length > 0) await takeOther(rest);
}

/** What an IDX file holds, by its published name or one like it. */
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

/** Makes four files the data set. */
export function applyIdx(): void {
  const all = idxFiles.value;
  if (IDX_PARTS.every((part) => all[part])) {
    useFiles({ kind: 'files', files: all as Record<IdxPart, File>, names: idxNames.value });
  }
}

async function takePicture(file: File): Promise<void> {
  try {
    picture.value = await createImageBitmap(file);
    choose({ view: 'inside' });
  } catch (error) {
    notice.value = {
      tone: 'bad',
      say: (t) => t.errors.file,
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
  notice.value = { tone: 'bad', say: (t) => (shard ? t.errors.shard(name) : t.errors.unknownFile(name)) };
}

/** Draws the curves of a history that was saved here, if the file is one. */
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

/** Whether the classes of the pictures fit the network, or why not. */
export function classesProblem(needed: number): string | undefined {
  const { classes } = choice.value;
  return classes < needed ? text.value.train.classesFew(classes, needed) : undefined;
}
