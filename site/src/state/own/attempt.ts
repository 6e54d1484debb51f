import { signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import type { Guess } from '../../worker/own.js';
import { report } from '../lab.js';
import { head, isThere, ownWorker } from './teach.js';

/** A file to try the network on. */
export const tried = signal<File | undefined>(undefined);
/** Whether to show which parts of the image speak for the answer. */
export const showHeat = signal(false);
/** What the network last said, and of which last layer that was. */
export const answer = signal<(Guess & { head: string }) | undefined>(undefined);

let latest = 0;

/** Asks the network about an image; an answer that another has overtaken is dropped. */
export async function ask(image: Blob | RawImage): Promise<void> {
  if (!head.value || !isThere.value) return;
  const question = ++latest;
  const { id } = head.value;
  const one = await ownWorker();
  const guess = await one.call('guess', { image, heat: showHeat.value });
  if (question === latest && id === head.value?.id) answer.value = { ...guess, head: id };
}

/** As `ask`, but says what went wrong. */
export function tell(image: Blob | RawImage): Promise<void> {
  return ask(image).catch(report);
}

/** Forgets what was shown. */
export function clearTried(): void {
  latest++;
  tried.value = undefined;
  answer.value = undefined;
}
