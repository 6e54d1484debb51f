import { computed, effect, signal } from '@preact/signals';
import type { ExplainMethod } from 'vgg-blocks/features';
import type { ClassMap, Review } from '../worker/inside.js';
import type { Look, LookRequest } from '../worker/messages.js';
import { Asker } from './asker.js';
import { data } from './data.js';
import { ownImage } from './files.js';
import { chosenSource, imageRequest } from './imageChoice.js';
import { opened, phase, report, trained, worker } from './lab.js';
import { isTrained, set, slot, testSet, version, workerOf, workerSlot } from './looked.js';
import { choice } from './page.js';
import { drawGarments, garments } from './sample.js';
import { noteReview } from './shownRun.js';

/** Methods that show which parts of an image a class depends on. */
export const HEAT_METHODS = [
  'gradcam',
  'gradcam++',
  'layercam',
  'scorecam',
  'saliency',
  'smoothgrad',
  'integrated-gradients',
  'occlusion',
] as const satisfies readonly ExplainMethod[];
export type HeatMethod = (typeof HEAT_METHODS)[number];

/** The stage that is shown as a whole, by its name. */
export const chosenStage = signal<string | undefined>(undefined);
export const classIndex = signal<number | undefined>(undefined);
export const method = signal<HeatMethod>('gradcam');

export const look = signal<Look | undefined>(undefined);
export const heat = signal<ClassMap | undefined>(undefined);
export const review = signal<Review | undefined>(undefined);
export const looking = signal(false);
export const reviewing = signal(false);

/** Whether the view shows a network from the inside; the design does once it was trained. */
const watching = computed(() => {
  const { view } = choice.value;
  return view === 'start' || view === 'inside' || (view === 'network' && isTrained.value);
});

/** The designed network at work, if it was trained. */
export const designLook = computed(() =>
  isTrained.value && slot.value === 'trained' ? look.value : undefined,
);

const subject = computed(() => {
  const given = imageRequest();
  return given && { slot: workerSlot(), ...given };
});

const request = computed<LookRequest | undefined>(
  () => subject.value && { ...subject.value, stage: chosenStage.value },
);

/** The class whose evidence is shown, by default the most probable one. */
export const heatClass = computed(() => {
  const probabilities = look.value?.probabilities;
  return probabilities && (classIndex.value ?? probabilities.indexOf(Math.max(...probabilities)));
});

/** Milliseconds without a change before evidence is computed, which takes several passes. */
const REST = 250;

/** Keeps the view up to date while it is open. */
export function startInside(): void {
  effect(() => {
    if (ownImage.value) {
      chosenSource.value = 'own';
      classIndex.value = undefined;
    }
  });
  let seen = '';
  effect(() => {
    if (seen === version.value) return;
    seen = version.value;
    review.value = (slot.peek() === 'trained' ? trained.peek() : opened.peek()?.run)?.review;
    look.value = undefined;
    heat.value = undefined;
    classIndex.value = undefined;
  });
  const looks = new Asker<[string, Look]>(
    ([of, answer]) => {
      // The pad may have been cleared meanwhile.
      if (of === version.value && request.peek()) look.value = answer;
    },
    (busy) => {
      looking.value = busy;
    },
  );
  const heats = new Asker<[string, ClassMap]>(([of, answer]) => {
    if (of === version.value) heat.value = answer;
  });
  const answers = computed(
    () =>
      watching.value &&
      (slot.value === 'sample' ||
        phase.value === 'idle' ||
        phase.value === 'paused' ||
        phase.value === 'training'),
  );
  effect(() => {
    if (watching.value && slot.value === 'sample' && garments.value.length === 0) void drawGarments();
  });
  effect(() => {
    const images = set.value;
    if (choice.value.view !== 'inside' || phase.value !== 'idle' || !images || testSet.value) return;
    void worker()
      .then((one) => data(one, images))
      .catch(report);
  });
  effect(() => {
    const [given, of, from, images] = [request.value, version.value, slot.value, set.value];
    if (!given) look.value = undefined;
    if (!answers.value || !given) return;
    void looks.ask(async () => {
      const one = await workerOf(from);
      if ('index' in given.image) await data(one, images!);
      return [of, await one.call('look', given)];
    });
  });
  let rest: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const [given, of, from, by, label] = [
      subject.value,
      version.value,
      slot.value,
      method.value,
      heatClass.value,
    ];
    clearTimeout(rest);
    if (!answers.value || !given || label === undefined) return;
    rest = setTimeout(() => {
      void heats.ask(async () => {
        const one = await workerOf(from);
        return [of, await one.call('heat', { ...given, classIndex: label, method: by })];
      });
    }, REST);
  });
}

/** Classifies the test set. */
export async function classifyTestSet(): Promise<void> {
  const of = slot.value;
  if (of === 'sample' || reviewing.value) return;
  reviewing.value = true;
  try {
    const one = await worker();
    await data(one, set.value!);
    review.value = await one.call('review', { slot: of });
    if (of === 'trained') noteReview(review.value);
  } catch (error) {
    report(error);
  } finally {
    reviewing.value = false;
  }
}
