import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Preprocessing } from 'vgg-blocks/images';
import type { ViewOptions } from 'vgg-blocks/train';
import { distinct, parseIn } from './options.js';

/** The options of {@link withViews}. */
export interface ViewArguments {
  dense?: true;
  crops?: NonNullable<ViewOptions['crops']>;
  scales?: number[];
}

/** Adds the options for several views of each image. */
export function withViews(command: Command): Command {
  return command
    .option(
      '--dense',
      'apply the network to whole images and their mirror images, its fully connected layers as convolutions',
    )
    .addOption(
      new Option(
        '--crops <n>',
        'average over squares: 5 (corners and center), 10 (and their mirror images) or 50 (5x5 and mirror images); with --dense, over both',
      ).argParser(countOfCrops),
    )
    .addOption(
      new Option(
        '--scales <pixels>',
        'average over images whose shorter side is resized to each length, e.g. 256,384,512',
      ).argParser(lengths),
    );
}

/** The views that were asked for; undefined for the usual one. */
export function viewsIn({ dense, crops, scales }: ViewArguments): ViewOptions | undefined {
  if (!dense && crops === undefined && scales === undefined) return undefined;
  return { ...(dense && { dense }), ...(crops && { crops }), ...(scales && { scales }) };
}

/** Throws, before images are read, where a scale is too small or missing. */
export function checkViews(
  command: string,
  { dense, crops, scales }: ViewOptions,
  preprocessing: Preprocessing,
): void {
  const { crop, resize } = preprocessing;
  const small = scales?.find((scale) => scale < crop);
  if (small !== undefined) {
    throw new Error(
      `${command}: --scales has ${small}, but the network takes images of ${crop}x${crop}; use at least ${crop}.`,
    );
  }
  if (scales === undefined && 'height' in resize && (dense || crops !== 1)) {
    throw new Error(
      `${command}: this preprocessing stretches images to ${resize.width}x${resize.height}; add --scales, e.g. 256, which keeps their proportions.`,
    );
  }
}

function countOfCrops(text: string): number {
  if (!['1', '5', '10', '50'].includes(text)) throw new InvalidArgumentError('It must be 1, 5, 10 or 50.');
  return Number(text);
}

function lengths(text: string): number[] {
  return distinct(text.split(',').map((length) => parseIn('side', length)));
}
