import { computed, signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import type { ImageRequest } from '../worker/image.js';
import { PREPROCESSINGS, type PreprocessingName } from './choice.js';
import { ownImage } from './files.js';
import { filled } from './fill.js';
import { fromFile, slot, testSet } from './looked.js';
import { garments } from './sample.js';

const IMAGE_SOURCES = ['garment', 'test', 'draw', 'own'] as const;
export type ImageSource = (typeof IMAGE_SOURCES)[number];

export const chosenSource = signal<ImageSource | undefined>(undefined);
export const index = signal(0);
/** Which of the sample's garments. */
export const garment = signal(0);
export const drawn = signal<RawImage | undefined>(undefined);
/** Whether a stroke is being drawn. */
export const penDown = signal(false);
export const invert = signal(false);
export const chosenPreprocessing = signal<PreprocessingName | undefined>(undefined);

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

/** Less of the pad than a pixel of Fashion-MNIST is not seen. */
const SEEN = 1 / 28 ** 2;

/** The drawing as the network of the garments gets it, and whether its inside was filled. */
export const filling = computed(() => {
  if (slot.value !== 'sample' || !drawn.value) return undefined;
  const { image, inside } = filled(drawn.value);
  return { image, isSeen: inside > SEEN };
});

/** The image for a worker, if there is one, and how to prepare it: those of the test set as in training. */
export function imageRequest(): { image: ImageRequest; preprocessing: PreprocessingName } | undefined {
  if (source.value === 'test') return { image: { index: index.value }, preprocessing: 'plain' };
  const pixels = {
    garment: () => garments.value[garment.value]?.pixels,
    draw: () => filling.value?.image ?? drawn.value,
    own: () => ownImage.value && pixelsOf(ownImage.value),
  }[source.value]();
  if (!pixels) return undefined;
  const image = { pixels, invert: source.value === 'own' && invert.value };
  return { image, preprocessing: preprocessing.value };
}

function pixelsOf(bitmap: ImageBitmap): RawImage {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
