import { size } from '../../base/shapes.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { WeightFileError } from '../formats/error.js';

/** The networks that LPIPS' authors publish calibrations for, by the channels of the layers compared. */
const LPIPS_NETWORKS: Record<string, string> = {
  '64,128,256,512,512': 'VGG-16',
  '64,192,384,256,256': 'AlexNet',
  '64,128,256,384,384,512,512': 'SqueezeNet',
};

/** @throws WeightFileError when the tensors are something known other than a network. */
export function refuseOthers({ file, tensors }: Pick<Checkpoint, 'file' | 'tensors'>): void {
  if (tensors.length > 0 && tensors.every(({ name }) => /^lin\d\.(model\.1\.)?weight$/.test(name))) {
    const network = LPIPS_NETWORKS[tensors.map(({ shape }) => size(shape)).join()];
    throw new WeightFileError(
      file,
      `it is an LPIPS calibration${network ? ` for ${network}` : ''}, not a network; lpips in vgg-blocks/features has the one for VGG-16 built in, and takes another from readLpipsCalibration.`,
    );
  }
}
