import { size } from '../../base/shapes.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { WeightFileError } from '../formats/error.js';
import { shardOfSeveral } from '../formats/shardIndex.js';
import { otherNetwork } from './otherNetworks.js';

/** The networks that LPIPS' authors publish calibrations for, by the channels of the layers compared. */
const LPIPS_NETWORKS: Record<string, string> = {
  '64,128,256,512,512': 'VGG-16',
  '64,192,384,256,256': 'AlexNet',
  '64,128,256,384,384,512,512': 'SqueezeNet',
};

/** @throws WeightFileError when the tensors are something known other than a network, or only a part of one. */
export function refuseOthers({ file, tensors }: Pick<Checkpoint, 'file' | 'tensors'>): void {
  // Those of the checkpoints of `train`: its parts, and a checksum at the end.
  if (tensors.at(-1)?.name === 'checksum' && tensors.some(({ name }) => name === 'weights/0'))
    throw new WeightFileError(
      file,
      'it is a checkpoint of training, not a model; pass the model of the run.',
    );
  // Its features alone could be a network, without the head that is in another shard.
  const part = shardOfSeveral(file);
  if (part !== undefined) throw new WeightFileError(file, part);
  if (tensors.length > 0 && tensors.every(({ name }) => /^lin\d\.(model\.1\.)?weight$/.test(name))) {
    const network = LPIPS_NETWORKS[tensors.map(({ shape }) => size(shape)).join()];
    throw new WeightFileError(
      file,
      `it is an LPIPS calibration${network ? ` for ${network}` : ''}, not a network; lpips in vgg-blocks/features has the one for VGG-16 built in, and takes another from readLpipsCalibration.`,
    );
  }
}

/** The error for a file that is not a VGG: one that says what it is, if that is known, or else `error`. */
export function explained(
  { file, format, tensors }: Pick<Checkpoint, 'file' | 'format' | 'tensors'>,
  error: unknown,
): unknown {
  if (!(error instanceof WeightFileError)) return error;
  const network = otherNetwork(tensors);
  if (network !== undefined) {
    return new WeightFileError(
      file,
      `its tensors are those of ${network}, and only VGGs can be loaded; use the weights of a VGG, or readTensors for the numbers alone.`,
      { cause: error },
    );
  }
  if (format === 'tfjs graph model.json') {
    return new WeightFileError(
      file,
      'it is a graph model of TensorFlow.js, whose tensors are not named by layers; convert the Keras model with tensorflowjs_converter to a layers model (--output_format tfjs_layers_model), or name its tensors with the option rename.',
      { cause: error },
    );
  }
  return error;
}
