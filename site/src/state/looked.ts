import { computed, signal } from '@preact/signals';
import type { Client } from '../worker/client.js';
import type { Slot } from '../worker/messages.js';
import type { Choice } from './choice.js';
import { infoOf } from './data.js';
import { dataInfo, opened, trained, worker } from './lab.js';
import { choice } from './page.js';
import type { SetChoice } from './runs.js';
import { sample, sampleWorker } from './sample.js';

/** The network that the page opens with, the one trained here, or the one opened from a file. */
export type PageSlot = Slot | 'sample';

export const chosenSlot = signal<Slot | undefined>(undefined);

/** What of a choice makes the network. */
const networkOf = ({ arch, ratio, size, channels, classes, hidden, batchNorm }: Choice) =>
  JSON.stringify([arch, ratio, size, channels, classes, hidden, batchNorm]);

/** Whether the designed network is the one that was trained here. */
export const isTrained = computed(
  () => trained.value !== undefined && networkOf(trained.value.choice) === networkOf(choice.value),
);

/** The network that is looked into. */
export const slot = computed<PageSlot>(() => {
  if (choice.value.view === 'start') return 'sample';
  if (choice.value.view === 'network' && isTrained.value) return 'trained';
  const have = { trained: trained.value, opened: opened.value };
  if (chosenSlot.value && have[chosenSlot.value]) return chosenSlot.value;
  return have.trained ? 'trained' : have.opened ? 'opened' : 'sample';
});

/** Identifies the network that everything shown belongs to. */
export const version = computed(() => {
  const network = { sample: undefined, trained: trained.value, opened: opened.value }[slot.value];
  return `${slot.value} ${network?.version ?? ''}`;
});

/** The facts about a network that came from a file. */
export const fromFile = computed(() =>
  slot.value === 'sample' ? sample.value : slot.value === 'opened' ? opened.value : undefined,
);

/** The images that the network was trained on, as far as it is known. */
export const set = computed(() => {
  if (slot.value === 'trained') return trained.value?.set;
  if (slot.value !== 'opened') return undefined;
  const { run, classes } = opened.value!;
  // Of an unknown network the images that are there, if they have as many classes.
  const now = dataInfo.value?.classNames.length === classes ? dataInfo.value : undefined;
  return run?.set ?? (now && (JSON.parse(now.key) as SetChoice));
});

/** Its test images, once the worker has them. */
export const testSet = computed(() => infoOf(set.value));

/** A worker knows the sample network as the one that it opened. */
export function workerSlot(): Slot {
  return slot.value === 'sample' ? 'opened' : slot.value;
}

/** The worker that has the network. */
export function workerOf(one: PageSlot): Promise<Client> {
  return one === 'sample' ? sampleWorker() : worker();
}
