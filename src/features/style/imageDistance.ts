import { mean, type Tensor, type Tensor1D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, LIST, MODEL, optionsOf } from '../../base/arguments.js';
import { fail, oneOf } from '../../base/check.js';
import { type ImageInput, type RgbImage, toRgb, type ValueMap } from '../../images/index.js';
import { inUse } from '../../tfjs/inUse.js';
import { memoryFailure, watchMemory } from '../../tfjs/outOfMemory.js';
import { total } from '../../tfjs/total.js';
import { checkWeights } from '../../train/finite.js';
import { enlargedBilinear } from './bilinear.js';
import { type Comparison, layerDistances } from './lpipsLayers.js';

/** Options of {@link imageDistance}. */
export interface ImageDistanceOptions extends Comparison {
  /** Also returns where the images differ, as a map of the images' size. Default false. */
  spatial?: boolean;
}

/** How different two images look. */
export interface ImageDistance {
  /** LPIPS: 0 for equal images. */
  distance: number;
  /** The distance at each pixel, with `spatial`; `overlay` and `heatMapImage` draw it. */
  map?: ValueMap;
}

/**
 * The perceptual distance of two images, by {@link lpips}. Images are bytes from 0 to 255, so no range need be said: decoded or
 * encoded, a file, an element of a page. Their transparency is dropped.
 *
 * @param model a VGG-16 with torchvision's weights.
 * @throws RangeError like `lpips`, and when an image cannot be read, the two differ in size, the distance is not finite, or there is
 *   not enough memory. On wasm (4 GB), 1920x1080 pixels fit.
 * @example
 * const { distance, map } = await imageDistance(model, ['before.png', 'after.png'], { spatial: true });
 * await writeImage('difference.png', await overlay('after.png', map, { legend: true }));
 */
export function imageDistance(
  model: LayersModel,
  images: readonly [ImageInput, ImageInput],
  options: ImageDistanceOptions = {},
): Promise<ImageDistance> {
  return inUse('imageDistance', { model }, () => measuredDistance(model, images, options));
}

async function measuredDistance(
  model: LayersModel,
  images: readonly [ImageInput, ImageInput],
  options: ImageDistanceOptions,
): Promise<ImageDistance> {
  const where = 'imageDistance';
  checkArguments(where, { model, images }, { model: MODEL, images: LIST });
  const { spatial = false, ...comparison } = optionsOf(where, options, {
    spatial: 1,
    calibration: 1,
    version: 1,
  });

  oneOf(where, 'spatial', spatial, [true, false]);
  if (images.length !== 2) fail(where, `images has ${images.length} images; pass two.`);
  const distances = layerDistances(where, model, comparison);
  await checkWeights(where, model);
  const [one, other] = await Promise.all(images.map((image) => toRgb(image, where)));
  const { width, height } = one!;
  if (width !== other!.width || height !== other!.height) {
    fail(
      where,
      `the images are ${width}x${height} and ${other!.width}x${other!.height}; resize one of them, as by resizeBilinear(image, ${width}, ${height}).`,
    );
  }
  const memory = watchMemory();
  let outputs: Tensor[] = [];
  try {
    outputs = tidy(() => {
      const maps = distances(tensorOf(one!), tensorOf(other!));
      const distance: Tensor = total(maps.map((map) => mean(map, [1, 2]) as Tensor1D));
      return spatial
        ? [distance, total(maps.map((map) => enlargedBilinear(map, height, width)))]
        : [distance];
    });
    const [means, values] = await Promise.all(outputs.map((output) => output.data<'float32'>()));
    await memory.check();
    const distance = means![0]!;
    if (!Number.isFinite(distance)) {
      fail(where, "the features of the images are not finite; check the model's weights.");
    }
    return { distance, ...(values && { map: { values, width, height } }) };
  } catch (error) {
    const reason = memoryFailure(error);
    if (reason === undefined) throw error;
    return fail(
      where,
      `images of ${width}x${height} take more memory than the backend has; compare parts of them, smaller ones, or use another backend (${reason.replace(/\.$/, '')}).`,
    );
  } finally {
    memory.release();
    for (const output of outputs) output.dispose();
  }
}

/** `[1, height, width, 3]` from 0 to 1. */
function tensorOf({ data, width, height }: RgbImage) {
  return tensor4d(
    Float32Array.from(data, (byte) => byte / 255),
    [1, height, width, 3],
  );
}
