import { type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type ImageInput, preprocess, type RawImage } from 'vgg-blocks/images';
import { metadataOf } from 'vgg-blocks/weights';
import { NotFiniteError } from '../errors.js';
import { shown } from '../image.js';
import { classify, classMap } from '../inside.js';

/** What a network says of an image. */
export interface Guess {
  probabilities: Float32Array;
  /** The image as the network sees it, with what speaks for the most probable class laid over it. */
  heat?: RawImage;
}

/** Classifies an image. */
export async function guess(
  network: LayersModel,
  { image, heat }: { image: Blob | RawImage; heat: boolean },
): Promise<Guess> {
  const input: Tensor4D = await preprocess(image as ImageInput, metadataOf(network).preprocessing!);
  try {
    const output = tidy(() => network.predict(input) as Tensor);
    const values = await output.data<'float32'>();
    output.dispose();
    const probabilities = await classify(network, values);
    if (!probabilities.every(Number.isFinite)) throw new NotFiniteError();
    if (!heat) return { probabilities };
    const classIndex = probabilities.indexOf(Math.max(...probabilities));
    const seen = await shown(network, input, 'file');
    const map = await classMap(network, input, seen, { classIndex, method: 'gradcam' });
    return { probabilities, heat: map.image };
  } finally {
    input.dispose();
  }
}
