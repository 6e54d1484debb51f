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
import { metadataOf, PUBLISHED } from 'vgg-blocks/weights';
import type { PreprocessingName } from '../state/choice.js';
import { fitted } from './data.js';

/** An image: an index into the test set, or pixels. */
export type ImageRequest = { index: number } | { pixels: RawImage; invert: boolean };

/** The input size of a model that accepts any. */
const ANY_SIZE = 224;

const PREPROCESSING: Record<Exclude<PreprocessingName, 'file'>, Preprocessing> = {
  plain: PLAIN_PREPROCESSING,
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
};

/** The preprocessing that a name means for a model. */
export function preprocessingOf(model: LayersModel, name: PreprocessingName): Preprocessing {
  if (name !== 'file') return PREPROCESSING[name];
  const { preprocessing } = metadataOf(model);
  if (!preprocessing) throw new RangeError('The weight file does not say how images are prepared.');
  return preprocessing;
}

/** Height, width and channels of a model's input. */
export function inputShape(model: LayersModel): [height: number, width: number, channels: number] {
  const [height, width, channels] = model.inputs[0]!.shape.slice(1) as [number | null, number | null, number];
  return [height ?? ANY_SIZE, width ?? ANY_SIZE, channels];
}

/** An image as input of the model, `[1, height, width, channels]`, which the caller disposes. */
export async function toInput(
  model: LayersModel,
  image: ImageRequest,
  preprocessing: PreprocessingName,
  test: ImageSet | undefined,
): Promise<Tensor4D> {
  const shape = inputShape(model);
  if ('index' in image) {
    if (!test) throw new RangeError('There is no test set to take an image from.');
    const [batch] = fitted(test.take(image.index, image.index + 1), shape).batches({ batchSize: 1 });
    batch!.ys.dispose();
    return batch!.xs;
  }
  const pixels = image.invert ? inverted(image.pixels) : image.pixels;
  const rgb = await preprocess(pixels, preprocessingAt(preprocessingOf(model, preprocessing), shape[0]));
  if (shape[2] === 3) return rgb;
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

/** A model's input with its preprocessing undone, as RGBA bytes. */
export async function shown(
  model: LayersModel,
  input: Tensor4D,
  preprocessing: PreprocessingName,
): Promise<RawImage> {
  const [, height, width, channels] = input.shape;
  const { mean: means, std, white, channels: order } = preprocessingOf(model, preprocessing);
  const rgb = tidy(() => squeeze(order === 'BGR' ? reverse(input, 3) : input, [0]) as Tensor);
  const values = await rgb.data();
  rgb.dispose();
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let color = 0; color < 3; color++) {
      const channel = channels === 3 ? color : 0;
      const at = order === 'BGR' ? 2 - channel : channel;
      data[4 * pixel + color] = ((values[channels * pixel + channel]! * std[at]! + means[at]!) * 255) / white;
    }
  }
  return { data, width, height };
}
