import { mean, reverse, squeeze, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageSet } from 'vgg-blocks/data';
import {
  PLAIN_PREPROCESSING,
  type Preprocessing,
  preprocess,
  preprocessingAt,
  type RawImage,
} from 'vgg-blocks/images';
import { PUBLISHED } from 'vgg-blocks/weights';
import type { Recipe } from '../state/recipes.js';
import { fitted } from './data.js';

/** A picture: one of the test set by its place, or pixels. */
export type PictureRequest = { index: number } | { pixels: RawImage; invert: boolean };

/** What a model without a size of its own is shown. */
const ANY_SIZE = 224;

/** Height, width and channels that a model takes. */
export function inputShape(model: LayersModel): [height: number, width: number, channels: number] {
  const [height, width, channels] = model.inputs[0]!.shape.slice(1) as [number | null, number | null, number];
  return [height ?? ANY_SIZE, width ?? ANY_SIZE, channels];
}

/** A picture as the model takes it, `[1, height, width, channels]`, which the caller disposes. */
export async function toInput(
  model: LayersModel,
  picture: PictureRequest,
  recipe: Recipe,
  test: ImageSet | undefined,
): Promise<Tensor4D> {
  const shape = inputShape(model);
  if ('index' in picture) {
    if (!test) throw new RangeError('There is no test set to take a picture from.');
    const [batch] = fitted(test.take(picture.index, picture.index + 1), shape).batches({ batchSize: 1 });
    batch!.ys.dispose();
    return batch!.xs;
  }
  return fromPixels(
    picture.invert ? inverted(picture.pixels) : picture.pixels,
    shape,
    preprocessingAt(PREPROCESSING[recipe], shape[0]),
  );
}

const PREPROCESSING: Record<Recipe, Preprocessing> = {
  unit: PLAIN_PREPROCESSING,
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
};

async function fromPixels(
  pixels: RawImage,
  [, , channels]: readonly number[],
  recipe: Preprocessing,
): Promise<Tensor4D> {
  const rgb = await preprocess(pixels, recipe);
  if (channels === 3) return rgb;
  try {
    return tidy(() => mean(rgb, 3, true) as Tensor4D);
  } finally {
    rgb.dispose();
  }
}

function inverted({ data, width, height }: RawImage): RawImage {
  const channels = data.length / (width * height);
  return {
    data: data.map((value, i) => (channels === 4 && i % 4 === 3 ? value : 255 - value)),
    width,
    height,
  };
}

/** What the model sees, as pixels to show: RGBA bytes, whatever the recipe. */
export async function shown(input: Tensor4D, recipe: Recipe): Promise<RawImage> {
  const [, height, width, channels] = input.shape;
  const { mean: means, std, white, channels: order } = PREPROCESSING[recipe];
  const rgb = tidy(() => squeeze(order === 'BGR' ? reverse(input, 3) : input, [0]) as Tensor);
  const values = await rgb.data();
  rgb.dispose();
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const channel = channels === 3 ? colour : 0;
      const at = order === 'BGR' ? 2 - channel : channel;
      data[4 * pixel + colour] =
        ((values[channels * pixel + channel]! * std[at]! + means[at]!) * 255) / white;
    }
  }
  return { data, width, height };
}
