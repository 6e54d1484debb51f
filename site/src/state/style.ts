import { computed, effect, signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import type { Client } from '../worker/client.js';
import type { Differences, StyleNetwork } from '../worker/style.js';
import { Asker } from './asker.js';
import { read, store } from './database.js';
import { notice, opened, paintProgress, phase, report, worker } from './lab.js';
import { offerUndo } from './own/classes.js';
import { kept } from './runs.js';
import { sampleWorker } from './sample.js';

/** An image that can be painted, or whose style can: one of the page's, or the visitor's. */
export interface Picture {
  id: string;
  /** The file of the visitor's. */
  file?: { name: string; image: Blob };
  src: string;
}

const OURS: readonly Picture[] = [
  { id: 'house', src: 'guide/figures/lpips/before.png' },
  { id: 'glass', src: 'style/glass.jpg' },
  { id: 'strokes', src: 'style/strokes.jpg' },
];

export const pictures = signal(OURS);
const FIRST = { content: OURS[0]!, style: OURS[1]! };
export type Role = keyof typeof FIRST;
const ROLES = Object.keys(FIRST) as Role[];
export const chosen = { content: signal(FIRST.content), style: signal(FIRST.style) };

/** Whether a painting is being made. */
export const isPainting = signal(false);
/** Whether it ends after the step at work. */
export const isStopping = signal(false);
/** The painting, step by step; those of the last one stay until another image is chosen. */
export const frames = signal<readonly RawImage[]>([]);
/** The step that is looked at, if it is not the last one. */
export const frame = signal<number | undefined>(undefined);
/** Whether the opened network is wanted, which somebody opens to use it. */
export const wantsOpened = signal(true);

/** Whether the opened network has the layers that a painting needs. */
export const canPaint = computed(() => {
  const layers = opened.value?.layers ?? [];
  return (
    opened.value?.inputShape[2] === 3 && ['block4_conv2', 'block5_conv1'].every((one) => layers.includes(one))
  );
});
const usesOpened = computed(() => canPaint.value && wantsOpened.value);
/** Whether the worker has something else to do. */
export const isBusy = computed(() => usesOpened.value && phase.value !== 'idle' && !isPainting.value);

effect(() => {
  const now = paintProgress.value;
  if (now) frames.value = [...frames.peek(), now.image];
});

/** Takes an image for a role. */
export function take(role: Role, picture: Picture): void {
  chosen[role].value = picture;
  frames.value = [];
  frame.value = undefined;
  keepPictures();
}

/** What is kept of the visitor's images, with the places of the chosen ones among all. */
type KeptPictures = { own: Required<Picture>['file'][] } & Record<Role, number>;

function keepPictures(): void {
  const own = pictures.value.flatMap(({ file }) => file ?? []);
  const [content, style] = ROLES.map((role) => pictures.value.indexOf(chosen[role].value));
  void kept(() => store('files', 'pictures', { own, content, style }));
}

/** Brings back what an earlier visit has kept. */
export async function startPictures(): Promise<void> {
  const found = await kept(() => read<KeptPictures>('files', 'pictures'));
  if (!found || pictures.value !== OURS) return;
  pictures.value = [...OURS, ...found.own.map(pictureOf)];
  for (const role of ROLES) chosen[role].value = pictures.value[found[role]] ?? FIRST[role];
}

function pictureOf(file: Required<Picture>['file']): Picture {
  const src = URL.createObjectURL(file.image);
  return { id: src, src, file };
}

/** Removes an image of the visitor's, which can be brought back. */
export function removePicture(one: Picture): void {
  pictures.value = pictures.value.filter((other) => other !== one);
  for (const role of ROLES) if (chosen[role].value === one) take(role, FIRST[role]);
  keepPictures();
  offerUndo(
    (t) => t.ownImages.classes.removedImage(one.file!.name),
    () => {
      pictures.value = [...pictures.value, one];
      keepPictures();
    },
  );
}

/** Takes a visitor's file for a role. */
export async function takeOwn(role: Role, file: File): Promise<void> {
  try {
    const found = await (await sampleWorker()).call('photo', file);
    if (!('image' in found)) {
      notice.value = {
        tone: 'bad',
        text: (t) => (found.isHeic ? t.ownImages.classes.heic(file.name) : t.errors.image),
        detail: found.reason,
      };
      return;
    }
    const picture = pictureOf({ name: file.name, image: found.image });
    pictures.value = [...pictures.value, picture];
    take(role, picture);
  } catch (error) {
    report(error);
  }
}

async function bytesOf({ src, file }: Picture): Promise<Blob> {
  if (file) return file.image;
  const response = await fetch(src);
  if (!response.ok) throw new Error(`${src}: the server answered ${response.status}.`);
  return response.blob();
}

/** The network that paints and compares, and the worker that has it. */
async function artist(): Promise<{ one: Client; network: StyleNetwork }> {
  return usesOpened.value
    ? { one: await worker(), network: { preprocessing: opened.value!.preprocessing } }
    : { one: await sampleWorker(), network: 'small' };
}

let working: Client | undefined;

/** Paints the one image in the style of the other. */
export async function paint(): Promise<void> {
  isPainting.value = true;
  isStopping.value = false;
  notice.value = undefined;
  paintProgress.value = undefined;
  frames.value = [];
  frame.value = undefined;
  const isOpened = usesOpened.value;
  if (isOpened) phase.value = 'painting';
  try {
    const { one, network } = await artist();
    const [content, style] = await Promise.all([bytesOf(chosen.content.value), bytesOf(chosen.style.value)]);
    if (isStopping.value) return;
    working = one;
    // Some people get ill from what moves.
    const every = matchMedia('(prefers-reduced-motion: reduce)').matches ? 10 : 1;
    await one.call('paint', { network, content, style, every });
  } catch (error) {
    report(error);
  } finally {
    working = undefined;
    isPainting.value = false;
    if (isOpened && phase.value === 'painting') phase.value = 'idle';
  }
}

/** Stops; what has been painted stays. */
export async function stopPainting(): Promise<void> {
  isStopping.value = true;
  await working?.call('stopPainting').catch(report);
}

export const compared = signal<Differences | undefined>(undefined);
export const isComparing = signal(false);
const asker = new Asker<Differences>(
  (answer) => {
    compared.value = answer;
  },
  (busy) => {
    isComparing.value = busy;
  },
);

/** What is compared: the image, the other one, the painting if it is made, and the network. */
export const subject = computed(() => {
  if (isPainting.value || isBusy.value) return undefined;
  const [content, style] = [chosen.content.value, chosen.style.value];
  return {
    content,
    style,
    painting: frames.value.at(-1),
    network: usesOpened.value && opened.value?.version,
  };
});

/** Measures how different the image and others look. */
export function compare(): void {
  const now = subject.value;
  if (!now) return;
  void asker.ask(async () => {
    const { content, style, painting } = now;
    const { one, network } = await artist();
    const others = {
      ...(painting && { painting }),
      ...(style !== content && { other: await bytesOf(style) }),
    };
    return one.call('differences', { network, image: await bytesOf(content), others });
  });
}
