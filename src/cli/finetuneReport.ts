import { join } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageFileSet, ImageFiles } from 'vgg-blocks/data';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { type Confusion, curves, type History, predictionSheet } from 'vgg-blocks/train';
import { encodeWeights } from 'vgg-blocks/weights';

/** A part of the training, and what it trained. */
export interface Phase extends History {
  name: string;
}

/** Writes what training came to; returns the names of the files. */
export async function write(
  folder: string,
  given: { model: LayersModel; pictures: ImageFiles; phases: Phase[]; predicted: Int32Array; result: object },
): Promise<string[]> {
  const { model, pictures, phases, predicted, result } = given;
  const files: Record<string, string | Uint8Array> = {
    'model.safetensors': await encodeWeights(model, 'keras'),
    'classes.txt': `${pictures.classNames.join('\n')}\n`,
    'history.json': `${JSON.stringify({ phases }, null, 2)}\n`,
    'result.json': `${JSON.stringify(result, null, 2)}\n`,
    'curves.svg': curves({ epochs: inARow(phases) }),
    ...(predicted.length > 0 && { 'predictions.svg': await sheet(pictures.validationSet, predicted) }),
  };
  await model.save(fileSystem(join(folder, 'model')));
  for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(folder, name), content);
  return ['model/', ...Object.keys(files)];
}

/** The epochs of all phases, counted on. */
function inARow(phases: readonly Phase[]) {
  return phases.flatMap(({ epochs }) => epochs).map((row, i) => ({ ...row, epoch: i + 1 }));
}

/** Forty of the pictures at most, from all classes. */
async function sheet(pictures: ImageFileSet, predicted: Int32Array): Promise<string> {
  const count = Math.min(40, pictures.length);
  const shown = Array.from({ length: count }, (_, i) => Math.floor((i * pictures.length) / count));
  return predictionSheet(
    await pictures.images(shown),
    shown.map((index) => predicted[index]!),
  );
}

/** The accuracy, a line a class, and what was mistaken for what. */
export function listing({ accuracy, classes, mistakes }: Confusion): string {
  const width = Math.max(5, ...classes.map(({ name }) => name.length));
  const percent = (share: number | null) =>
    (share === null ? '-' : `${(100 * share).toFixed(1)} %`).padStart(9);
  const rows = classes.map(({ name, examples, recall, precision }) => {
    const taken = mistakes
      .filter((mistake) => mistake.is === name)
      .map((mistake) => `${mistake.takenFor} ${mistake.examples}`);
    return `${name.padEnd(width)}  ${String(examples).padStart(8)}${percent(recall)}${percent(precision)}  ${taken.join(', ')}`.trimEnd();
  });
  return [
    `validation accuracy ${(100 * accuracy).toFixed(1)} %`,
    `${'class'.padEnd(width)}  pictures   recall precision  taken for`,
    ...rows,
  ].join('\n');
}
