import { effect, signal } from '@preact/signals';
import type { Choice } from './choice.js';
import { setOf } from './data.js';
import {
  changes,
  comparison,
  notice,
  opened,
  openedFiles,
  phase,
  report,
  takeSnapshot,
  worker,
} from './lab.js';
import { runs } from './runs.js';
import { begin } from './shownRun.js';

interface Given {
  file: File;
  shards: File[];
}

/** A file that is opened once the worker is free. */
export const waiting = signal<Given | undefined>(undefined);

/** Opens a weight file, or compares the open one with a reference; while the worker is busy, later. */
export async function openWeights(given: Given): Promise<void> {
  if (phase.value !== 'idle') {
    waiting.value = given;
    notice.value = { tone: 'warn', text: (t) => t.train.waiting(given.file.name) };
    return;
  }
  notice.value = undefined;
  phase.value = 'opening';
  try {
    const one = await worker();
    const answer = await one.call('open', given);
    if ('reference' in answer) comparison.value = answer.reference;
    else {
      const run = answer.sum === undefined ? undefined : runs.value.find(({ sum }) => sum === answer.sum);
      opened.value = { ...answer, run, version: ++changes.value };
      openedFiles.value = given;
      comparison.value = undefined;
    }
  } catch (error) {
    report(error);
  } finally {
    phase.value = 'idle';
  }
}

/** Opens what waits as soon as the worker is free. */
export function startOpening(): void {
  effect(() => {
    const next = waiting.value;
    if (!next || phase.value !== 'idle') return;
    waiting.value = undefined;
    const before = notice.peek();
    void openWeights(next).then(() => {
      // How training ended is still news.
      notice.value ??= before;
    });
  });
}

/** Makes the opened network the trained one, of a run of its own. */
export async function adopt(chosen: Choice): Promise<void> {
  if (phase.value !== 'idle' || !opened.value) return;
  phase.value = 'building';
  try {
    const one = await worker();
    const { classNames, run } = opened.value;
    const { layers } = await one.call('adopt');
    const set = run?.set ?? setOf(chosen) ?? { kind: 'garments', images: chosen.images };
    begin({ choice: chosen, set, layers, classNames });
    opened.value = undefined;
    openedFiles.value = undefined;
    await takeSnapshot(one);
  } catch (error) {
    report(error);
  } finally {
    phase.value = 'idle';
  }
}
