import {
  add,
  addN,
  div,
  mean,
  mul,
  sqrt,
  square,
  squaredDifference,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { PUBLISHED, readTensors, type Source, type WeightFileOptions } from '../../weights/index.js';
import { featureExtractor } from '../taps/featureExtractor.js';
import { sameShape } from './differences.js';
import { imageFeatures } from './imageFeatures.js';

/** The layers that LPIPS compares: the last ReLU of each block of VGG-16. */
const LAYERS = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'];

/** The calibration of LPIPS: for each of its five layers one weight per channel, 0 or more. */
export type LpipsCalibration = readonly ArrayLike<number>[];

/**
 * The learned perceptual distance between images, LPIPS (Zhang et al. 2018, equation 1) with VGG-16, version 0.1. It takes the
 * features of five layers, scales the channels at each position to length one, weights their squared differences by the
 * calibration, and sums over channels, averages over positions and sums over layers. It is 0 for equal images.
 *
 * Images are RGB from 0 to 1, which the authors' Python package calls `normalize=True`. Its default range is -1 to 1; its
 * shift and scale are ImageNet's mean and deviation in that range.
 *
 * @param model a VGG-16. The published calibration is for torchvision's weights (`torchvision/vgg16`, `timm/vgg16`).
 * @param calibration see {@link readLpipsCalibration}.
 * @returns a function from two batches `[batch, height, width, 3]` of the same shape to their distances `[batch]`. Gradients
 *   pass through it to both; no tensors are kept.
 * @throws RangeError when the model lacks one of the layers or the calibration does not fit it; the function, when the
 *   shapes differ.
 * @example
 * const { model } = await fromWeights('vgg16-397923af.pth', { includeTop: false });
 * const distance = lpips(model, await readLpipsCalibration('lpips/weights/v0.1/vgg.pth'));
 * distance(images, others); // [batch]
 */
export function lpips(
  model: LayersModel,
  calibration: LpipsCalibration,
): (images: Tensor4D, others: Tensor4D) => Tensor1D {
  const { preprocessing } = PUBLISHED['torchvision/vgg16'];
  const { features } = imageFeatures('lpips', model, LAYERS, { preprocessing });
  const channels = featureExtractor(model, LAYERS).outputs.map(({ shape }) => shape.at(-1)!);
  checkCalibration(channels, calibration);
  const weights = calibration.map((layer) => Array.from(layer));
  return (images, others) => {
    sameShape('lpips', images, others);
    return tidy(() => {
      const theirs = features(others).map(unitLength);
      const distances = features(images).map((one, i) => {
        const differences = squaredDifference(unitLength(one), theirs[i]!);
        return mean(sum(mul(differences, weights[i]!), 3), [1, 2]);
      });
      return addN(distances) as Tensor1D;
    });
  };
}

/**
 * Reads the calibration that LPIPS' authors publish (`lpips/weights/v0.1/vgg.pth` in the package lpips), or the same tensors in
 * any format that `vgg-blocks/weights` reads: `lin0.model.1.weight` to `lin4.model.1.weight` (or `lin0.weight` and so on),
 * each `[1, channels, 1, 1]` or `[channels]`. Other tensors are ignored.
 *
 * @throws WeightFileError when the file is damaged; RangeError when a tensor is missing.
 */
export async function readLpipsCalibration(
  source: Source,
  options: WeightFileOptions = {},
): Promise<Float32Array[]> {
  const tensors = await readTensors(source, options);
  return LAYERS.map((_, i) => {
    const [published, short] = [`lin${i}.model.1.weight`, `lin${i}.weight`];
    const tensor = tensors.get(published) ?? tensors.get(short);
    if (!tensor) {
      fail(
        'readLpipsCalibration',
        `the file has no ${published}; use LPIPS' calibration for VGG, lpips/weights/v0.1/vgg.pth.`,
      );
    }
    return tensor.data;
  });
}

/** Channels scaled to length one at each position. The 1e-10 is the authors'; the 1e-20 keeps the root's slope finite at 0. */
function unitLength(features: Tensor): Tensor {
  const length = sqrt(add(sum(square(features), 3, true), 1e-20));
  return div(features, add(length, 1e-10));
}

function checkCalibration(channels: readonly number[], calibration: LpipsCalibration): void {
  const given = calibration.map(({ length }) => length);
  if (given.join() !== channels.join()) {
    fail(
      'lpips',
      `the calibration has [${given}] weights for its layers, but the model's ${LAYERS.join(', ')} have [${channels}] channels; use a calibration for this network.`,
    );
  }
  calibration.forEach((layer, i) => {
    const wrong = Array.from(layer).find((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (wrong !== undefined)
      fail('lpips', `the calibration of ${LAYERS[i]} has ${wrong}; its weights must be 0 or more.`);
  });
}
