import { type PreparedImage, preprocess } from 'vgg-blocks/images';
import type { Examples } from 'vgg-blocks/train';
import { arraySetsOf } from './evaluatedArrays.js';
import { imagePaths } from './imagePaths.js';
import { eachBatch } from './images.js';
import type { OpenNetwork, ReadyNetwork } from './network.js';
import { PREPROCESSINGS, type PreprocessingName } from './preprocessings.js';
import { complain } from './wording.js';

interface CalibrationArguments {
  preprocessing?: PreprocessingName;
  calibrate: number;
  batch: number;
}

/** Images to calibrate a network on. */
export type CalibrationSet = Pick<Examples, 'length' | 'shape' | 'batches'>;

/** Images of a folder, prepared for the network: all of them, or `calibrate` of them from all over it. */
export async function calibrationImages(
  command: string,
  folder: string,
  { preprocessing }: Pick<ReadyNetwork, 'preprocessing'>,
  args: Omit<CalibrationArguments, 'preprocessing'>,
): Promise<CalibrationSet> {
  const paths = await imagePaths([folder], complain);
  const count = Math.min(args.calibrate, paths.length);
  const chosen = Array.from({ length: count }, (_, i) => paths[Math.floor((i * paths.length) / count)]!);
  const images: PreparedImage[] = [];
  await eachBatch(
    command,
    chosen.length > 0 ? chosen : [folder],
    { preprocessing, batch: args.batch },
    async (some) => {
      images.push(...some);
    },
  );
  const { crop, channels } = preprocessing;
  return {
    length: images.length,
    shape: [crop, crop, channels === 'gray' ? 1 : 3],
    async *batches({ batchSize }) {
      for (let at = 0; at < images.length; at += batchSize) {
        const xs = await preprocess(images.slice(at, at + batchSize), preprocessing);
        yield { xs, ys: xs.clone() };
      }
    },
  };
}

/** Some training images of a set to calibrate on, with each class as often as in the whole set, and its test images. */
export async function calibrationArrays(
  data: string,
  network: OpenNetwork,
  { calibrate, preprocessing: named }: CalibrationArguments,
): Promise<{ images: CalibrationSet; testSet: Examples }> {
  const preprocessing = named ? PREPROCESSINGS[named] : network.preprocessing;
  const { trainSet, testSet } = await arraySetsOf('compress', data, { ...network, preprocessing });
  const images =
    trainSet.length <= calibrate ? trainSet : trainSet.split(calibrate / trainSet.length).validationSet;
  return { images, testSet };
}
