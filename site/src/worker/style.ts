import type { LayersModel } from '@tensorflow/tfjs-layers';
import { scaleArch, VGG16, vgg } from 'vgg-blocks';
import { imageDistance, lpips, styleTransfer } from 'vgg-blocks/features';
import { fittedSize, overlay, type RawImage, type RgbImage, resizeBilinear, toRgb } from 'vgg-blocks/images';
import type { PreprocessingName } from '../state/choice.js';
import { changed, pixelDifference } from './changes.js';
import { preprocessingOf } from './image.js';
import { modelOf } from './models.js';

/** The network that needs no file, or the opened one and how its images are prepared. */
export type StyleNetwork = 'small' | { preprocessing: PreprocessingName };

export interface PaintRequest {
  network: StyleNetwork;
  content: Blob;
  style: Blob;
  /** Steps from one image that is shown to the next. */
  every: number;
}

/** How far a painting is. */
export interface PaintProgress {
  done: number;
  total: number;
  secondsLeft: number;
  image: RawImage;
}

/** The longer side of images in pixels, and the steps that a painting takes. */
const SIZE = 192;
const STEPS = 60;
/** How much the style counts: as in examples/style-transfer.ts, less where the weights are random. */
const STYLE_WEIGHT = { small: 1e5, opened: 1e6 };

let small: LayersModel | undefined;

const ARCH = scaleArch(VGG16, 4);

/** A VGG-16 with a quarter of the channels and random weights, which is enough for colors and strokes. */
function network(of: StyleNetwork): LayersModel {
  if (of !== 'small') return modelOf('opened');
  small ??= vgg(ARCH, {
    inputShape: [null, null, 3],
    includeTop: false,
    initializer: 'heUniform',
    seed: 0,
  });
  return small;
}

const preparation = (model: LayersModel, of: StyleNetwork) =>
  preprocessingOf(model, of === 'small' ? 'torchvision' : of.preprocessing);

/** Paints an image in the style of another, to the end or until it is stopped. */
export async function paint(
  { network: of, content, style, every }: PaintRequest,
  watching: { signal: AbortSignal; onProgress: (progress: PaintProgress) => void },
): Promise<void> {
  const model = network(of);
  let shown = 0;
  const { image, steps } = await styleTransfer(
    model,
    { content, style },
    {
      preprocessing: preparation(model, of),
      size: SIZE,
      steps: STEPS,
      styleWeight: STYLE_WEIGHT[of === 'small' ? 'small' : 'opened'],
      pooling: 'avg',
      every,
      signal: watching.signal,
      async onProgress({ done, total, secondsLeft, image }) {
        shown = done;
        watching.onProgress({ done, total, secondsLeft, image: await image() });
      },
    },
  );
  if (steps > shown) watching.onProgress({ done: steps, total: STEPS, secondsLeft: 0, image });
}

export interface DistanceRequest {
  network: StyleNetwork;
  image: Blob;
  /** What it is compared with besides its changed copies. */
  others: Readonly<Record<string, Blob | RawImage>>;
}

/** How far an image is from another. */
interface Difference {
  name: string;
  image: RawImage;
  /** Of the features. */
  distance: number;
  /** Of the pixels, 0 to 1. */
  pixels: number;
  /** Where they differ, over the other image, and the distance of its brightest point. */
  map: RawImage;
  most: number;
}

/** Differences, the smallest first. */
export interface Differences {
  /** Whether they are LPIPS, which needs torchvision's VGG-16. */
  isLpips: boolean;
  image: RawImage;
  rows: Difference[];
}

/** Compares an image with changed copies of it, and with others. */
export async function differences({ network: of, image, others }: DistanceRequest): Promise<Differences> {
  const isLpips = isForLpips(of);
  const model = network(isLpips ? of : 'small');
  const whole = await toRgb(image);
  const { width, height } = fittedSize(whole, SIZE);
  const one = resizeBilinear(whole, width, height);
  const all: [string, RgbImage][] = Object.entries(changed(one));
  for (const [name, other] of Object.entries(others)) {
    all.push([name, resizeBilinear(await toRgb(other), width, height)]);
  }
  const rows: Difference[] = [];
  for (const [name, other] of all) {
    const { distance, map } = await imageDistance(model, [one, other], {
      spatial: true,
      // Without people's judgments all channels count alike.
      ...(!isLpips && { calibration: ARCH.map(([, channels]) => new Float32Array(channels).fill(1)) }),
    });
    const pixels = pixelDifference(one, other) / 255;
    const most = map!.values.reduce((a, b) => Math.max(a, b));
    rows.push({ name, image: other, distance, pixels, map: await overlay(other, map!), most });
  }
  return { isLpips, image: one, rows: rows.sort((a, b) => a.distance - b.distance) };
}

/** Whether a network is the VGG-16 that LPIPS was calibrated for, with torchvision's weights. */
function isForLpips(of: StyleNetwork): boolean {
  if (of === 'small' || !/^(torchvision|file)$/.test(of.preprocessing)) return false;
  try {
    lpips(modelOf('opened'), { range: [0, 1] });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
