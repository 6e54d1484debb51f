import {
  add,
  dispose,
  div,
  matMul,
  reshape,
  sqrt,
  square,
  squaredDifference,
  sum,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tensor2d,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, LIST } from '../../base/arguments.js';
import { fail, oneOf } from '../../base/check.js';
import type { Preprocessing } from '../../images/index.js';
import { metadataOf, PUBLISHED } from '../../weights/index.js';
import { imageFeatures } from './imageFeatures.js';
import {
  checkCalibration,
  LAYERS,
  type LpipsCalibration,
  type LpipsVersion,
  publishedCalibration,
  VERSIONS,
} from './lpipsCalibration.js';

/** Which LPIPS computes a distance. */
export interface Comparison {
  /** Default: the published one of version 0.1, which is part of this library. `readLpipsCalibration` reads others. */
  calibration?: LpipsCalibration;
  /**
   * The version of LPIPS that the calibration belongs to. Version 0.0, the first release, does not normalize images for the
   * network. Default `'0.1'`.
   */
  version?: LpipsVersion;
}

/**
 * LPIPS before its averages: a function from two batches of images, RGB from 0 to 1, to the distances at each position of each of
 * the five layers, `[batch, height, width]` of the layer.
 *
 * @throws RangeError when the model or the calibration is not one for LPIPS; the function, when the images do not fit the model.
 */
export function layerDistances(
  where: string,
  model: LayersModel,
  { calibration, version = '0.1' }: Comparison,
): (images: Tensor4D, others: Tensor4D) => Tensor3D[] {
  oneOf(where, 'version', version, VERSIONS);
  checkPreprocessing(where, model);
  const { prepared, stage, channels, layers } = imageFeatures(where, model, LAYERS, {
    preprocessing: preprocessingOf(version),
  });
  if (calibration === undefined) checkNetwork(where, layers);
  else checkArguments(where, { calibration }, { calibration: LIST });
  const given = [...(calibration ?? publishedCalibration())];
  checkCalibration(where, channels, given, version);
  const weights = given.map((layer) => Float32Array.from(layer));
  return (images, others) => {
    const pair = [prepared(images), prepared(others)];
    let before: Tensor[] = [];
    const maps = weights.map((layer, i) => {
      // Each layer is freed before the next but one: the features of a large image take gigabytes.
      const [distances, ...features] = tidy(() => {
        const features = pair.map((x, one) => tidy(() => stage(x, i, before[one])));
        return [positionDistances(features as Tensor4D[], layer), ...features];
      });
      dispose(before);
      before = features;
      return distances as Tensor3D;
    });
    dispose(before);
    return maps;
  };
}

/** The weighted squared differences of two layers at each position, `[batch, height, width]`. */
function positionDistances([one, other]: readonly Tensor4D[], weights: Float32Array): Tensor3D {
  return tidy(() => {
    const [batch, height, width, channels] = one!.shape;
    const differences = squaredDifference(unitLength(one!), unitLength(other!));
    // A product, because weighted differences would take as much memory as the differences.
    const column = tensor2d(weights, [channels, 1]);
    return reshape(matMul(reshape(differences, [-1, channels]), column), [batch, height, width]);
  });
}

/** Channels scaled to length one at each position. The 1e-10 is the authors'; the 1e-20 keeps the root's slope finite at 0. */
function unitLength(features: Tensor4D): Tensor {
  return tidy(() => {
    const length = sqrt(add(sum(square(features), 3, true), 1e-20));
    return div(features, add(length, 1e-10));
  });
}

/** Version 0.1 normalizes images as torchvision does; 0.0 passes on its range from -1 to 1. */
function preprocessingOf(version: LpipsVersion): Preprocessing {
  const { preprocessing } = PUBLISHED['torchvision/vgg16'];
  const half = [0.5, 0.5, 0.5] as const;
  return version === '0.1' ? preprocessing : { ...preprocessing, mean: half, std: half };
}

/** LPIPS compares torchvision's features; other weights expect other images. A model need not say what its weights expect. */
function checkPreprocessing(where: string, model: LayersModel): void {
  const { preprocessing } = metadataOf(model);
  if (!preprocessing) return;
  const colors = ({ channels, white, mean, std }: Preprocessing) =>
    `${channels} from 0 to ${white}, mean [${mean}], std [${std}]`;
  const [own, torchvision] = [preprocessing, preprocessingOf('0.1')].map(colors);
  if (own !== torchvision) {
    fail(
      where,
      `the model's weights expect ${own}, but LPIPS is made for torchvision's, which expect ${torchvision}; use a VGG-16 with those.`,
    );
  }
}

/** VGG-19 and batch normalization have layers of the same names and widths. */
function checkNetwork(where: string, layers: readonly string[]): void {
  const convolutions = layers.filter((name) => name === 'Conv2D').length;
  const difference = layers.includes('BatchNormalization')
    ? 'the model has batch normalization'
    : `the model has ${convolutions} convolutions up to ${LAYERS.at(-1)}`;
  if (convolutions === 13 && !layers.includes('BatchNormalization')) return;
  fail(
    where,
    `${difference}, but the published calibration is for VGG-16, which has 13 and none of that; use a VGG-16, or pass a calibration for this network.`,
  );
}
