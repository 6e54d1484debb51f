import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, InvalidArgumentError } from 'commander';
import { featureExtractor, visualize } from 'vgg-blocks/features';
import { imageGrid, type RawImage } from 'vgg-blocks/images';
import { countBar, writeImage } from 'vgg-blocks/node';
import { checkWritable } from './disk.js';
import { classOf, labelsOf, labelsOption } from './labels.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { checkEnding, distinct, numberIn } from './options.js';
import { repeatable } from './repeats.js';
import { complain, inFlags, say } from './wording.js';

interface VisualizeArguments extends NetworkArguments {
  layer?: string;
  filter?: number[];
  class?: string[];
  labels?: string;
  out: string;
  columns?: number;
  steps: number;
  lr: number;
  jitter: number;
  decay: number;
  blur: number;
  seed: number;
  json?: true;
}

/** The most images of a grid. */
const MOST = 256;

/** `vgg-blocks visualize`: draws what filters or classes respond to. */
export function visualizeCommand(): Command {
  const command = new Command('visualize').description(
    'draw the image that a filter or a class responds to most (activation maximization), or a grid of several',
  );
  return withNetwork(command)
    .option('--layer <name>', 'layer of the filters: conv5_3, block3_conv1, pool4, ...')
    .addOption(
      repeatable(
        '--filter <n>',
        'channel of the layer, from 0; use commas, ranges such as 0-15, or the option again for several (default: the first 16)',
        filtersOf,
      ),
    )
    .addOption(
      repeatable<string[]>(
        '--class <name>',
        'a class instead, by label or number; repeat the option for several',
        (text, before = []) => [...before, text],
      ).conflicts(['layer', 'filter']),
    )
    .addOption(labelsOption().conflicts(['layer', 'filter']))
    .requiredOption('--out <file>', 'output file, ending in .png')
    .addOption(numberIn('count', '--columns <n>', 'images per row (default: enough for a square)'))
    .addOption(numberIn('count', '--steps <n>', 'steps of gradient ascent', 256))
    .addOption(numberIn('positive', '--lr <rate>', 'length of a step', 0.02))
    .addOption(numberIn('countOrNone', '--jitter <pixels>', 'maximum shift of the image per step', 2))
    .addOption(
      numberIn('fraction', '--decay <fraction>', 'how far pixels return to the mean color per step', 0.01),
    )
    .addOption(numberIn('notNegative', '--blur <pixels>', 'how far each gradient is smoothed', 1))
    .addOption(numberIn('countOrNone', '--seed <n>', 'seed of the start and of the shifts', 0))
    .option('--json', 'print the result as one line of JSON')
    .action(run);
}

/** Adds the numbers that a text lists: `3`, `0,5,7` or `0-15`. */
function filtersOf(text: string, before: number[] = []): number[] {
  const found = [...before];
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/.exec(part) ?? [];
    if (!first || Number(last) < Number(first))
      throw new InvalidArgumentError(
        'It must be a whole number of at least 0, a list or a range, e.g. 0-15.',
      );
    if (found.length + Number(last) - Number(first) >= MOST)
      throw new InvalidArgumentError(`It names more than ${MOST}, the most of a grid.`);
    for (let filter = Number(first); filter <= Number(last); filter++) found.push(filter);
  }
  return distinct(found);
}

async function run(args: VisualizeArguments): Promise<void> {
  const { out, columns, steps, lr: learningRate, jitter, decay, blur, seed } = args;
  checkEnding('visualize', out, '.png');
  checkWritable('visualize', out);
  if (!args.layer && !args.class)
    throw new Error('visualize: there is nothing to draw; pass --layer NAME [--filter N] or --class NAME.');
  const { model, preprocessing, classes, classNames } = await loadNetwork('visualize', args);
  const bar = countBar();
  try {
    const layer = args.layer ?? 'logits';
    const filters = args.class
      ? await classesOf(args, { classes, classNames })
      : filtersIn(model, layer, args.filter);
    const drawn: number[] = [];
    const images: RawImage[] = [];
    for (const [i, filter] of filters.entries()) {
      let started = false;
      try {
        const image = await visualize(model, layer, filter, {
          ...{ preprocessing, steps, learningRate, jitter, decay, blur, seed },
          onProgress({ done }) {
            started = true;
            bar.update({ done: i * steps + done, total: filters.length * steps, unit: 'steps' });
          },
        });
        images.push(image);
        drawn.push(filter);
      } catch (error) {
        // One that does not respond is no reason to lose the others.
        if (!(started && error instanceof RangeError) || filters.length === 1) throw error;
        bar.stop();
        complain(inFlags(error.message, 'visualize'));
        process.exitCode = 1;
      }
    }
    bar.stop();
    if (images.length === 0) throw new Error(`visualize: none of the ${filters.length} could be drawn.`);
    const image = images.length === 1 ? images[0]! : await imageGrid(images, { columns, padding: 2 });
    await writeImage(out, image);
    const { width, height } = image;
    say(
      args.json
        ? { out, layer, filters: drawn, width, height }
        : `${out}: ${width}x${height}, ${layer} ${drawn.join(', ')}`,
    );
  } finally {
    bar.stop();
    model.dispose();
  }
}

/** The classes to draw. */
async function classesOf(
  { class: names, labels: file }: VisualizeArguments,
  network: { classes?: number; classNames?: readonly string[] },
): Promise<number[]> {
  if (network.classes === undefined)
    throw new Error('visualize: the network has no classes; pass --layer NAME instead of --class.');
  if (network.classes === 1)
    throw new Error(
      'visualize: the network has one output, whose image is that of its second class; pass --layer NAME --filter 0 instead of --class.',
    );
  const labels = await labelsOf('visualize', file, network);
  const classes = names!.map((name) => classOf('visualize', name, labels));
  const twice = classes.findIndex((one, i) => classes.indexOf(one) < i);
  if (twice >= 0)
    throw new Error(`visualize: --class ${names![twice]} is given twice; name each class once.`);
  return classes;
}

/** The filters of a layer to draw, checked before the first one takes its time. */
function filtersIn(model: LayersModel, layer: string, given: number[] | undefined): number[] {
  const count = featureExtractor(model, layer).outputs[0]!.shape.at(-1)!;
  const stray = given?.find((filter) => filter >= count);
  if (stray !== undefined)
    throw new Error(
      `visualize: there is no filter ${stray}; ${layer} has ${count} filters, so pass 0 to ${count - 1}.`,
    );
  return given ?? Array.from({ length: Math.min(16, count) }, (_, i) => i);
}
