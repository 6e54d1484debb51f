import { computed, effect, signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import type { Review } from '../worker/inside.js';
import type { Look, LookRequest, Slot } from '../worker/main.js';
import { PREPROCESSINGS, type PreprocessingName } from './choice.js';
import { ownImage } from './files.js';
import { data, dataInfo, opened, phase, report, trained, worker } from './lab.js';
import { choice } from './page.js';

export const IMAGE_SOURCES = ['test', 'draw', 'own'] as const;
export type ImageSource = (typeof IMAGE_SOURCES)[number];

export const chosenSource = signal<ImageSource>('test');
export const index = signal(0);
export const drawn = signal<RawImage | undefined>(undefined);
export const invert = signal(false);
export const chosenLayer = signal<string | undefined>(undefined);
export const chosenPreprocessing = signal<PreprocessingName | undefined>(undefined);
export const chosenSlot = signal<Slot | undefined>(undefined);
export const classIndex = signal<number | undefined>(undefined);

export const look = signal<Look | undefined>(undefined);
export const kernels = signal<RawImage | undefined>(undefined);
export const review = signal<Review | undefined>(undefined);
export const looking = signal(false);
export const reviewing = signal(false);

export const slot = computed<Slot | undefined>(() => {
  const have = { trained: trained.value, opened: opened.value };
  if (chosenSlot.value && have[chosenSlot.value]) return chosenSlot.value;
  return have.trained ? 'trained' : have.opened ? 'opened' : undefined;
});

export const layers = computed<string[]>(() => {
  if (slot.value === 'opened') return opened.value!.layers;
  return slot.value === 'trained' ? trained.value!.layers : [];
});

/** By default the last layer before the first pooling, whose maps are large enough to see something. */
export const layer = computed(() => {
  if (chosenLayer.value && layers.value.includes(chosenLayer.value)) return chosenLayer.value;
  const pool = layers.value.indexOf('block1_pool');
  return layers.value[Math.max(0, pool - 1)];
});

/** The ways to prepare images for the network; as its file says only if it does. */
export const preprocessings = computed<PreprocessingName[]>(() =>
  PREPROCESSINGS.filter((name) => name !== 'file' || usualPreprocessing() === 'file'),
);

export const preprocessing = computed<PreprocessingName>(() => {
  const chosen = chosenPreprocessing.value;
  return chosen && preprocessings.value.includes(chosen) ? chosen : usualPreprocessing();
});

function usualPreprocessing(): PreprocessingName {
  return slot.value === 'opened' ? opened.value!.preprocessing : 'plain';
}

/** Where the image comes from; without a test set, not from there. */
export const source = computed<ImageSource>(() =>
  chosenSource.value === 'test' && !dataInfo.value ? 'own' : chosenSource.value,
);

function pixelsOf(bitmap: ImageBitmap): RawImage {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

const request = computed<LookRequest | undefined>(() => {
  if (!slot.value || !layer.value) return undefined;
  const rest = {
    slot: slot.value,
    preprocessing: preprocessing.value,
    layer: layer.value,
    classIndex: classIndex.value,
  };
  if (source.value === 'test') return { ...rest, preprocessing: 'plain', image: { index: index.value } };
  const pixels = source.value === 'draw' ? drawn.value : ownImage.value && pixelsOf(ownImage.value);
  return pixels && { ...rest, image: { pixels, invert: source.value === 'own' && invert.value } };
});

/** Identifies the network that the review and the kernels belong to. */
const version = computed(() =>
  slot.value === 'trained'
    ? `t${trained.value!.version}`
    : slot.value === 'opened'
      ? `o${opened.value!.version}`
      : '',
);

let latest: LookRequest | undefined;
let busy = false;

/** Answers the latest request; one that comes meanwhile replaces those still waiting. */
async function refresh(): Promise<void> {
  if (busy) return;
  busy = true;
  looking.value = true;
  try {
    while (latest) {
      const next = latest;
      latest = undefined;
      const one = await worker();
      if ('index' in next.image) await data(one);
      look.value = await one.call('look', next);
    }
  } catch (error) {
    report(error);
  } finally {
    busy = false;
    looking.value = false;
  }
}

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
    review.value = undefined;
    kernels.value = undefined;
    look.value = undefined;
    classIndex.value = undefined;
  });
  effect(() => {
    const idle = phase.value === 'idle' || phase.value === 'paused' || phase.value === 'training';
    if (choice.value.view !== 'inside' || !idle || !request.value || !version.value) return;
    latest = request.value;
    void refresh();
  });
  effect(() => {
    if (choice.value.view !== 'inside' || !slot.value || !version.value || kernels.value) return;
    const of = slot.value;
    void worker()
      .then((one) => one.call('kernels', { slot: of }))
      .then((image) => {
        kernels.value = image;
      })
      .catch(report);
  });
}

/** Classifies the test set. */
export async function classifyTestSet(): Promise<void> {
  if (!slot.value || reviewing.value) return;
  reviewing.value = true;
  try {
    const one = await worker();
    await data(one);
    review.value = await one.call('review', { slot: slot.value });
  } catch (error) {
    report(error);
  } finally {
    reviewing.value = false;
  }
}
