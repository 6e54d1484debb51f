import { computed, effect, signal } from '@preact/signals';
import type { ExplainMethod } from 'vgg-blocks/features';
import type { RawImage } from 'vgg-blocks/images';
import type { Client } from '../worker/client.js';
import type { ImageRequest } from '../worker/image.js';
import type { ClassMap, Review } from '../worker/inside.js';
import type { Look, LookRequest, Slot } from '../worker/main.js';
import { type Choice, PREPROCESSINGS, type PreprocessingName } from './choice.js';
import { data, infoOf } from './data.js';
import { ownImage } from './files.js';
import { filled } from './fill.js';
import { dataInfo, opened, phase, report, trained, worker } from './lab.js';
import { choice } from './page.js';
import type { SetChoice } from './runs.js';
import { drawGarments, garments, sample, sampleWorker } from './sample.js';
import { noteReview } from './training.js';

const IMAGE_SOURCES = ['garment', 'test', 'draw', 'own'] as const;
export type ImageSource = (typeof IMAGE_SOURCES)[number];

/** The network that the page opens with, the one trained here, or the one opened from a file. */
export type PageSlot = Slot | 'sample';

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

export const chosenSource = signal<ImageSource | undefined>(undefined);
export const index = signal(0);
/** Which of the sample's garments. */
export const garment = signal(0);
export const drawn = signal<RawImage | undefined>(undefined);
/** Whether a stroke is being drawn. */
export const penDown = signal(false);
export const invert = signal(false);
/** The stage that is shown as a whole, by its name. */
export const chosenStage = signal<string | undefined>(undefined);
export const chosenPreprocessing = signal<PreprocessingName | undefined>(undefined);
export const chosenSlot = signal<Slot | undefined>(undefined);
export const classIndex = signal<number | undefined>(undefined);
export const method = signal<HeatMethod>('gradcam');

export const look = signal<Look | undefined>(undefined);
export const heat = signal<ClassMap | undefined>(undefined);
export const review = signal<Review | undefined>(undefined);
export const looking = signal(false);
export const reviewing = signal(false);

/** What of a choice makes the network. */
const networkOf = ({ arch, ratio, size, channels, classes, hidden, batchNorm }: Choice) =>
  JSON.stringify([arch, ratio, size, channels, classes, hidden, batchNorm]);

/** Whether the designed network is the one that was trained here. */
const isTrained = computed(
  () => trained.value !== undefined && networkOf(trained.value.choice) === networkOf(choice.value),
);

/** Whether the view shows a network from the inside; the design does once it was trained. */
const watching = computed(() => {
  const { view } = choice.value;
  return view === 'start' || view === 'inside' || (view === 'network' && isTrained.value);
});

export const slot = computed<PageSlot>(() => {
  if (choice.value.view === 'start') return 'sample';
  if (choice.value.view === 'network' && isTrained.value) return 'trained';
  const have = { trained: trained.value, opened: opened.value };
  if (chosenSlot.value && have[chosenSlot.value]) return chosenSlot.value;
  return have.trained ? 'trained' : have.opened ? 'opened' : 'sample';
});

/** The designed network at work, if it was trained. */
export const designLook = computed(() =>
  isTrained.value && slot.value === 'trained' ? look.value : undefined,
);
/** The images that the network was trained on, as far as it is known. */
const set = computed(() => {
  if (slot.value === 'trained') return trained.value?.set;
  if (slot.value !== 'opened') return undefined;
  const { run, classes } = opened.value!;
  // Of an unknown network the images that are there, if they have as many classes.
  const now = dataInfo.value?.classNames.length === classes ? dataInfo.value : undefined;
  return run?.set ?? (now && (JSON.parse(now.key) as SetChoice));
});

/** Its test images, once the worker has them. */
export const testSet = computed(() => infoOf(set.value));

/** The facts about a network that came from a file. */
export const fromFile = computed(() =>
  slot.value === 'sample' ? sample.value : slot.value === 'opened' ? opened.value : undefined,
);

/** The ways to prepare images for the network; as its file says only if it does. */
export const preprocessings = computed<PreprocessingName[]>(() =>
  PREPROCESSINGS.filter((name) => name !== 'file' || usualPreprocessing() === 'file'),
);

export const preprocessing = computed<PreprocessingName>(() => {
  const chosen = chosenPreprocessing.value;
  return chosen && preprocessings.value.includes(chosen) ? chosen : usualPreprocessing();
});

function usualPreprocessing(): PreprocessingName {
  return fromFile.value?.preprocessing ?? 'plain';
}

/** Where the image may come from. */
export const sources = computed<ImageSource[]>(() =>
  IMAGE_SOURCES.filter((one) => {
    if (one === 'garment') return slot.value === 'sample';
    return one !== 'test' || testSet.value !== undefined;
  }),
);

/** Where the image comes from. */
export const source = computed<ImageSource>(() => {
  const chosen = chosenSource.value;
  if (chosen && sources.value.includes(chosen)) return chosen;
  return sources.value.find((one) => one !== 'draw')!;
});

function pixelsOf(bitmap: ImageBitmap): RawImage {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** Less of the pad than a pixel of Fashion-MNIST is not seen. */
const SEEN = 1 / 28 ** 2;

/** The drawing as the network of the garments gets it, and whether its inside was filled. */
export const filling = computed(() => {
  if (slot.value !== 'sample' || !drawn.value) return undefined;
  const { image, inside } = filled(drawn.value);
  return { image, isSeen: inside > SEEN };
});

function imageRequest(): ImageRequest | undefined {
  if (source.value === 'test') return { index: index.value };
  const pixels = {
    garment: () => garments.value[garment.value]?.pixels,
    draw: () => filling.value?.image ?? drawn.value,
    own: () => ownImage.value && pixelsOf(ownImage.value),
  }[source.value]();
  return pixels && { pixels, invert: source.value === 'own' && invert.value };
}

const subject = computed(() => {
  const image = imageRequest();
  const way: PreprocessingName = source.value === 'test' ? 'plain' : preprocessing.value;
  return image && { slot: workerSlot(), image, preprocessing: way };
});

const request = computed<LookRequest | undefined>(
  () => subject.value && { ...subject.value, stage: chosenStage.value },
);

/** The class whose evidence is shown, by default the most probable one. */
export const heatClass = computed(() => {
  const probabilities = look.value?.probabilities;
  return probabilities && (classIndex.value ?? probabilities.indexOf(Math.max(...probabilities)));
});

/** A worker knows the sample network as the one that it opened. */
function workerSlot(): Slot {
  return slot.value === 'sample' ? 'opened' : slot.value;
}

/** The worker that has the network. */
function workerOf(one: PageSlot): Promise<Client> {
  return one === 'sample' ? sampleWorker() : worker();
}

/** Identifies the network that everything shown belongs to. */
const version = computed(() => {
  const network = { sample: undefined, trained: trained.value, opened: opened.value }[slot.value];
  return `${slot.value} ${network?.version ?? ''}`;
});

/** Answers the latest of its questions; one that comes meanwhile replaces those still waiting. */
class Asker<T> {
  private latest: (() => Promise<T>) | undefined;
  private busy = false;

  constructor(
    private readonly onAnswer: (answer: T) => void,
    private readonly onBusy: (busy: boolean) => void = () => {},
  ) {}

  async ask(question: () => Promise<T>): Promise<void> {
    this.latest = question;
    if (this.busy) return;
    this.busy = true;
    this.onBusy(true);
    try {
      while (this.latest) {
        const next: () => Promise<T> = this.latest;
        this.latest = undefined;
        this.onAnswer(await next());
      }
    } catch (error) {
      report(error);
    } finally {
      this.busy = false;
      this.onBusy(false);
    }
  }
}

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
