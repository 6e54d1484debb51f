import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Preprocessing } from 'vgg-blocks/images';

/** The part of `finetune`'s `result.json` that other commands read. */
export interface Finetuned {
  /** The name of the network that training started from. */
  network: string;
  classNames: readonly string[];
  preprocessing: Preprocessing;
}

/** Reads the result that `finetune` wrote to a folder, with the path of the model; undefined if there is none. */
export async function readFinetuned(folder: string): Promise<(Finetuned & { model: string }) | undefined> {
  const path = join(folder, 'result.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { network, classNames, preprocessing } = JSON.parse(text) as Finetuned;
    if (Array.isArray(classNames) && preprocessing?.crop > 0) {
      return { network, classNames, preprocessing, model: join(folder, 'model', 'model.json') };
    }
  } catch {}
  throw new Error(`${path} was not written by finetune; pass the folder of a finetune run or a weight file.`);
}
