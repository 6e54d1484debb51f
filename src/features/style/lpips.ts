import {
  add,
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
import { checkArguments, LIST, MODEL, optionsOf, SOURCE } from '../../base/arguments.js';
import { fromBase64 } from '../../base/base64.js';
import { fail, oneOf } from '../../base/check.js';
import type { Preprocessing } from '../../images/index.js';
import { total } from '../../tfjs/total.js';
import {
  metadataOf,
  PUBLISHED,
  readTensors,
  type Source,
  type WeightFileOptions,
} from '../../weights/index.js';
import { WEIGHT_FILE_OPTIONS } from '../../weights/tensors.js';
import { extractorOf } from '../taps/featureExtractor.js';
import { sameShape } from './differences.js';
import { imageFeatures } from './imageFeatures.js';
import { PUBLISHED_CALIBRATION } from './publishedCalibration.js';

/** The layers that LPIPS compares: the last ReLU of each block of VGG-16. */
const LAYERS = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'];

const CHANNELS = [64, 128, 256, 512, 512];

const VERSIONS = ['0.1', '0.0'] as const;
type LpipsVersion = (typeof VERSIONS)[number];

/** Sums of each layer of the published calibrations. Their files look alike; half precision changes a sum by less than 1 %. */
const SUMS: Record<LpipsVersion, readonly number[]> = {
  '0.1': [6.926, 8.858, 17.515, 51.521, 47.035],
  '0.0': [3.642, 1.96, 1.123, 20.106, 25.69],
};

/** The calibration of LPIPS: for each of its five layers one weight per channel, 0 or more. */
export type LpipsCalibration = readonly ArrayLike<number>[];

/** Options of {@link lpips}. */
export interface LpipsOptions {
  /**
   * The version of LPIPS that the calibration belongs to. Version 0.0, the first release, does not normalize images for the
   * network. Default `'0.1'`.
   */
  version?: LpipsVersion;
}

/**
 * The learned perceptual distance between images, LPIPS (Zhang et al. 2018, equation 1) with VGG-16. It takes the features of
 * five layers, scales the channels at each position to length one, weights their squared differences by the calibration, and
 * sums over channels, averages over positions and sums over layers. It is 0 for equal images.
 *
 * Images are RGB from 0 to 1, which the authors' Python package calls `normalize=True`. Its default range is -1 to 1; its
 * shift and scale are ImageNet's mean and deviation in that range.
 *
 * @param model a VGG-16. The published calibrations are for torchvision's weights (`torchvision/vgg16`, `timm/vgg16`).
 * @param calibration default: the published one of version 0.1, which is part of this library. {@link readLpipsCalibration}
 *   reads others.
 * @returns a function from two batches `[batch, height, width, 3]` of the same shape to their distances `[batch]`. Gradients
 *   pass through it to both; no tensors are kept.
 * @throws RangeError when the model lacks one of the layers or says that its weights expect other images than torchvision's, or
 *   when the calibration does not fit it or is that of another version; the function, when the shapes differ.
 * @example
 * const { model } = await fromWeights('vgg16-397923af.pth', { includeTop: false });
 * const distance = lpips(model);
 * distance(images, others); // [batch]
 */
export function lpips(
  model: LayersModel,
  calibration: LpipsCalibration = publishedCalibration(),
  options: LpipsOptions = {},
): (images: Tensor4D, others: Tensor4D) => Tensor1D {
  checkArguments('lpips', { model, calibration }, { model: MODEL, calibration: LIST });
  const { version = '0.1' } = optionsOf('lpips', options, { version: 1 });

  oneOf('lpips', 'version', version, VERSIONS);
  checkModel(model);
  const { features } = imageFeatures('lpips', model, LAYERS, { preprocessing: preprocessingOf(version) });
  const channels = extractorOf('lpips', model, LAYERS).outputs.map(({ shape }) => shape.at(-1)!);
  checkCalibration(channels, calibration);
  checkVersion(calibration, version);
  const weights = calibration.map((layer) => Array.from(layer));
  return (images, others) => {
    sameShape('lpips', images, others);
    return tidy(() => {
      const theirs = features(others).map(unitLength);
      const distances = features(images).map((one, i) => {
        const differences = squaredDifference(unitLength(one), theirs[i]!);
        return mean(sum(mul(differences, weights[i]!), 3), [1, 2]);
      });
      return total(distances) as Tensor1D;
    });
  };
}

/** The calibration of version 0.1 that LPIPS' authors publish. */
function publishedCalibration(): Float32Array[] {
  const numbers = new Float32Array(fromBase64(PUBLISHED_CALIBRATION).buffer);
  let start = 0;
  return CHANNELS.map((channels) => {
    const layer = numbers.slice(start, start + channels);
    start += channels;
    return layer;
  });
}

/** Version 0.1 normalizes images as torchvision does; 0.0 passes on its range from -1 to 1. */
function preprocessingOf(version: LpipsVersion): Preprocessing {
  const { preprocessing } = PUBLISHED['torchvision/vgg16'];
  const half = [0.5, 0.5, 0.5] as const;
  return version === '0.1' ? preprocessing : { ...preprocessing, mean: half, std: half };
}

/**
 * Reads a calibration of LPIPS as its authors' package writes it (`lpips/weights/v0.1/vgg.pth` is one), or the same tensors in
 * any format that `vgg-blocks/weights` reads: `lin0.model.1.weight` to `lin4.model.1.weight` (or `lin0.weight` and so on),
 * each `[1, channels, 1, 1]` or `[channels]`. Other tensors are ignored.
 *
 * @throws WeightFileError when the file is damaged; RangeError when a tensor is missing.
 */
export async function readLpipsCalibration(
  source: Source,
  options: WeightFileOptions = {},
): Promise<Float32Array[]> {
  checkArguments('readLpipsCalibration', { source }, { source: SOURCE });
  optionsOf('readLpipsCalibration', options, WEIGHT_FILE_OPTIONS);

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

/** LPIPS compares torchvision's features; other weights expect other images. A model need not say what its weights expect. */
function checkModel(model: LayersModel): void {
  const { preprocessing } = metadataOf(model);
  if (!preprocessing) return;
  const colors = ({ channels, white, mean, std }: Preprocessing) =>
    `${channels} from 0 to ${white}, mean [${mean}], std [${std}]`;
  const [own, torchvision] = [preprocessing, preprocessingOf('0.1')].map(colors);
  if (own !== torchvision) {
    fail(
      'lpips',
      `the model's weights expect ${own}, but LPIPS is made for torchvision's, which expect ${torchvision}; use a VGG-16 with those.`,
    );
  }
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

/** Throws when the numbers are those that the authors publish for the other version. */
function checkVersion(calibration: LpipsCalibration, version: LpipsVersion): void {
  const sums = calibration.map((layer) => Array.from(layer).reduce((total, weight) => total + weight, 0));
  const published = VERSIONS.find((one) =>
    SUMS[one].every((wanted, i) => Math.abs(sums[i]! - wanted) < 0.01 * wanted),
  );
  if (published && published !== version) {
    fail(
      'lpips',
      `the calibration is that of version ${published}, whose images are scaled differently than those of ${version}; pass version: '${published}', or the calibration of ${version}${version === '0.1' ? ', which is the default' : ''}.`,
    );
  }
}
