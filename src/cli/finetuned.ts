import { join } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageFileSet, ImageFiles } from 'vgg-blocks/data';
import { type Preprocessing, preprocessingAt } from 'vgg-blocks/images';
import { fileSystem, writeFileAtomic } from 'vgg-blocks/node';
import { type Confusion, curves, type History, historyCsv, predictionSheet } from 'vgg-blocks/train';
import { encodeWeights, saveModel } from 'vgg-blocks/weights';
import { TEXT, TEXTS } from '../base/arguments.js';
import { table } from '../figures/table.js';
import type { BackendArguments } from './backend.js';
import { textAt } from './disk.js';
import { textOfLabels } from './labels.js';

/** The part of `finetune`'s `result.json` that other commands read. */
export interface Finetuned {
  /** The name of the network that training started from. */
  network: string;
  classNames: readonly string[];
  preprocessing: Preprocessing;
}

/** Reads the result that `finetune` wrote to a folder, with the path of the model; undefined if there is none. */
export function readFinetuned(folder: string): (Finetuned & { model: string }) | undefined {
  const path = join(folder, 'result.json');
  const text = textAt(path);
  if (text === undefined) return undefined;
  try {
    const { network, classNames, preprocessing } = JSON.parse(text) as Finetuned;
    const isWhole = TEXT.holds(network) && TEXTS.holds(classNames);
    if (isWhole && preprocessingAt(preprocessing, preprocessing.crop)) {
      return { network, classNames, preprocessing, model: join(folder, 'model', 'model.json') };
    }
  } catch {}
  throw new Error(`${path} was not written by finetune; pass the folder of a finetune run or a weight file.`);
}

/** One phase of the training, named after the layers that it trained. */
export interface Phase extends History {
  name: string;
}

/** Writes the results of the training; returns the names of the files, and why `model.safetensors` is not among them. */
export async function writeFinetuned(
  folder: string,
  results: {
    model: LayersModel;
    images: ImageFiles;
    phases: Phase[];
    predicted: Int32Array;
    args: BackendArguments;
    result: object;
  },
): Promise<{ files: string[]; without?: string }> {
  const { model, images, phases, predicted, result } = results;
  const { backend, threads } = results.args;
  await saveModel(model, fileSystem(join(folder, 'model')));
  // Weights alone describe a VGG, and a Keras file may hold any other network.
  let without: string | undefined;
  const weights = await encodeWeights(model, { names: 'keras' }).catch((error: unknown) => {
    if (!(error instanceof RangeError)) throw error;
    without = error.message;
    return undefined;
  });
  const files: Record<string, string | Uint8Array> = {
    ...(weights && { 'model.safetensors': weights }),
    'classes.txt': textOfLabels(images.classNames),
    'history.json': `${JSON.stringify({ phases, backend, threads }, null, 2)}\n`,
    'result.json': `${JSON.stringify(result, null, 2)}\n`,
    'history.csv': historyCsv({ epochs: consecutive(phases) }),
    'curves.svg': curves({ epochs: consecutive(phases) }),
    ...(predicted.length > 0 && { 'predictions.svg': await sheet(images.validationSet, predicted) }),
  };
  for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(folder, name), content);
  return { files: ['model/', ...Object.keys(files)], without };
}

/** The epochs of all phases, numbered consecutively. */
function consecutive(phases: readonly Phase[]) {
  return phases.flatMap(({ epochs }) => epochs).map((row, i) => ({ ...row, epoch: i + 1 }));
}

/** At most forty of the images, spread over all classes. */
async function sheet(images: ImageFileSet, predicted: Int32Array): Promise<string> {
  const count = Math.min(40, images.length);
  const shown = Array.from({ length: count }, (_, i) => Math.floor((i * images.length) / count));
  return predictionSheet(
    await images.images(shown),
    shown.map((index) => predicted[index]!),
  );
}

/** A fraction as a percentage. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** One line per class, with its most frequent mistakes. */
export function listing({ classes, mistakes }: Confusion): string {
  const rows = classes.map(({ name, examples, recall, precision, f1 }) => {
    const taken = mistakes
      .filter((mistake) => mistake.actual === name)
      .map((mistake) => `${mistake.predicted} ${mistake.examples}`);
    const fractions = [recall, precision, f1].map((one) => (one === null ? '-' : percent(one)));
    const shown = taken.length > 5 ? [...taken.slice(0, 5), '...'] : taken;
    return [name, String(examples), ...fractions, shown.join(', ')];
  });
  const header = ['class', 'images', 'recall', 'precision', 'F1', 'predicted as'];
  return table([header, ...rows], { right: [1, 2, 3, 4] });
}
