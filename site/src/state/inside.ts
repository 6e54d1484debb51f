import { computed, effect, signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import type { Review } from '../worker/inside.js';
import type { Look, LookRequest, Slot } from '../worker/main.js';
import { picture } from './files.js';
import { data, dataInfo, opened, phase, report, trained, worker } from './lab.js';
import { choice } from './page.js';
import type { Recipe } from './recipes.js';

export const PICTURE_KINDS = ['test', 'draw', 'own'] as const;
export type PictureKind = (typeof PICTURE_KINDS)[number];

export const kind = signal<PictureKind>('test');
export const index = signal(0);
export const drawn = signal<RawImage | undefined>(undefined);
export const invert = signal(false);
/** The layer that was chosen, where the network has it. */
export const chosenLayer = signal<string | undefined>(undefined);
export const chosenRecipe = signal<Recipe | undefined>(undefined);
export const chosenSlot = signal<Slot | undefined>(undefined);
export const classIndex = signal<number | undefined>(undefined);

export const look = signal<Look | undefined>(undefined);
export const kernels = signal<RawImage | undefined>(undefined);
export const review = signal<Review | undefined>(undefined);
export const looking = signal(false);
export const reviewing = signal(false);

/** The network that is looked into. */
export const slot = computed<Slot | undefined>(() => {
  const have = { trained: trained.value, opened: opened.value };
  if (chosenSlot.value && have[chosenSlot.value]) return chosenSlot.value;
  return have.trained ? 'trained' : have.opened ? 'opened' : undefined;
});

export const layers = computed<string[]>(() => {
  if (slot.value === 'opened') return opened.value!.layers;
  return slot.value === 'trained' ? trained.value!.layers : [];
});

/** By default the first block's last layer before its pooling: large enough to see something. */
export const layer = computed(() => {
  if (chosenLayer.value && layers.value.includes(chosenLayer.value)) return chosenLayer.value;
  const pool = layers.value.indexOf('block1_pool');
  return layers.value[Math.max(0, pool - 1)];
});

export const recipe = computed<Recipe>(
  () => chosenRecipe.value ?? (slot.value === 'opened' ? opened.value!.recipe : 'unit'),
);

/** Where pictures come from: without a test set, not from there. */
export const source = computed<PictureKind>(() =>
  kind.value === 'test' && !dataInfo.value ? 'own' : kind.value,
);

function pixelsOf(bitmap: ImageBitmap): RawImage {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

const request = computed<LookRequest | undefined>(() => {
  if (!slot.value || !layer.value) return undefined;
  const rest = { slot: slot.value, recipe: recipe.value, layer: layer.value, classIndex: classIndex.value };
  if (source.value === 'test') return { ...rest, recipe: 'unit', picture: { index: index.value } };
  const pixels = source.value === 'draw' ? drawn.value : picture.value && pixelsOf(picture.value);
  return pixels && { ...rest, picture: { pixels, invert: source.value === 'own' && invert.value } };
});

/** What the review and the kernels are of. */
const version = computed(() =>
  slot.value === 'trained'
    ? `t${trained.value!.version}`
    : slot.value === 'opened'
      ? `o${opened.value!.version}`
      : '',
);

let wanted: LookRequest | undefined;
let busy = false;

/** Looks anew whenever what is asked changes while this view is open; of several askings the last counts. */
async function refresh(): Promise<void> {
  if (busy) return;
  busy = true;
  looking.value = true;
  try {
    while (wanted) {
      const next = wanted;
      wanted = undefined;
      const one = await worker();
      if ('index' in next.picture) await data(one);
      look.value = await one.call('look', next);
    }
  } catch (error) {
    report(error);
  } finally {
    busy = false;
    looking.value = false;
  }
}

/** Keeps the view's pictures up to date. */
export function startInside(): void {
  effect(() => {
    if (picture.value) {
      kind.value = 'own';
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
    wanted = request.value;
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
export async function goThrough(): Promise<void> {
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
