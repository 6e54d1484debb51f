import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Preprocessing } from 'vgg-blocks/images';

/** What `finetune` leaves for those who use the network: a part of its `result.json`. */
export interface Finetuned {
  /** What the network is called whose weights it began with. */
  network: string;
  classNames: readonly string[];
  preprocessing: Preprocessing;
}

/** What `finetune` wrote to a folder, with the path of the model; undefined where it wrote nothing. */
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
  throw new Error(`${path} is not what finetune writes; give the folder of a run, or a weight file.`);
}
