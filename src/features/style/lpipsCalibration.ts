import { checkArguments, isListOf, NUMBERS, optionsOf, SOURCE } from '../../base/arguments.js';
import { fromBase64 } from '../../base/base64.js';
import { fail, shown } from '../../base/check.js';
import { readTensors, type Source, type WeightFileOptions } from '../../weights/index.js';
import { WEIGHT_FILE_OPTIONS } from '../../weights/tensors.js';
import { PUBLISHED_CALIBRATION } from './publishedCalibration.js';

/** The layers that LPIPS compares: the last ReLU of each block of VGG-16. */
export const LAYERS = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'];

const CHANNELS = [64, 128, 256, 512, 512];

export const VERSIONS = ['0.1', '0.0'] as const;
export type LpipsVersion = (typeof VERSIONS)[number];

/** Sums of each layer of the published calibrations. Their files look alike; half precision changes a sum by less than 1 %. */
const SUMS: Record<LpipsVersion, readonly number[]> = {
  '0.1': [6.926, 8.858, 17.515, 51.521, 47.035],
  '0.0': [3.642, 1.96, 1.123, 20.106, 25.69],
};

/** The calibration of LPIPS: for each of its five layers one weight per channel, 0 or more. */
export type LpipsCalibration = readonly ArrayLike<number>[];

/** The calibration of version 0.1 that LPIPS' authors publish. */
export function publishedCalibration(): Float32Array[] {
  const numbers = new Float32Array(fromBase64(PUBLISHED_CALIBRATION).buffer);
  let start = 0;
  return CHANNELS.map((channels) => {
    const layer = numbers.slice(start, start + channels);
    start += channels;
    return layer;
  });
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

/**
 * Throws unless a calibration has one weight for each channel of each layer, all of them 0 or more, or when its numbers are those
 * that the authors publish for the other version.
 */
export function checkCalibration(
  where: string,
  channels: readonly number[],
  calibration: LpipsCalibration,
  version: LpipsVersion,
): void {
  if (!isListOf(calibration, NUMBERS.holds)) {
    fail(
      where,
      `calibration is ${shown(calibration)}; it must be a list of numbers for each of five layers.`,
    );
  }
  const given = calibration.map(({ length }) => length);
  if (given.join() !== channels.join()) {
    fail(
      where,
      `the calibration has [${given}] weights for its layers, but the model's ${LAYERS.join(', ')} have [${channels}] channels; use a calibration for this network.`,
    );
  }
  calibration.forEach((layer, i) => {
    const wrong = Array.from(layer).find((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (wrong !== undefined)
      fail(where, `the calibration of ${LAYERS[i]} has ${wrong}; its weights must be 0 or more.`);
  });
  const sums = calibration.map((layer) => Array.from(layer).reduce((total, weight) => total + weight, 0));
  const published = VERSIONS.find((one) =>
    SUMS[one].every((wanted, i) => Math.abs(sums[i]! - wanted) < 0.01 * wanted),
  );
  if (published && published !== version) {
    fail(
      where,
      `the calibration is that of version ${published}, whose images are scaled differently than those of ${version}; pass version: '${published}', or the calibration of ${version}${version === '0.1' ? ', which is the default' : ''}.`,
    );
  }
}
