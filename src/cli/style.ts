import { basename, dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { type StyleProgress, styleTransfer } from 'vgg-blocks/features';
import type { RawImage } from 'vgg-blocks/images';
import { countBar, readImage, writeImage } from 'vgg-blocks/node';
import { decoding } from './decoder.js';
import { checkNew, namesIn } from './disk.js';
import { checkKept } from './modelFile.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { belonging, checkEnding, isGiven, numberIn, shared } from './options.js';
import { stopOnSignal } from './process.js';
import { say } from './wording.js';

interface StyleArguments extends NetworkArguments {
  content: string;
  style: string;
  out: string;
  size: number;
  steps: number;
  contentWeight: number;
  styleWeight: number;
  tvWeight: number;
  optimizer: 'lbfgs' | 'adam';
  lr?: number;
  pooling: 'max' | 'avg';
  init: string;
  seed: number;
  every?: number;
  overwrite?: true;
  json?: true;
}

/** `vgg-blocks style`: renders an image in the style of another. */
export function styleCommand(): Command {
  const command = new Command('style')
    .description('render an image in the style of another (Gatys et al.); Ctrl-C keeps the result so far')
    .requiredOption('--content <image>', 'image that provides the content')
    .requiredOption('--style <image>', 'image that provides the style');
  return belonging(withNetwork(decoding(command, imagesOf)), { overwrite: 'every' })
    .requiredOption('--out <file>', 'output file, ending in .png')
    .addOption(numberIn('side', '--size <pixels>', 'longer side of the output', 256))
    .addOption(numberIn('count', '--steps <n>', 'number of optimization steps', 100))
    .addOption(numberIn('notNegative', '--content-weight <w>', 'weight of the content loss', 1))
    .addOption(numberIn('notNegative', '--style-weight <w>', 'weight of the style loss', 1e6))
    .addOption(numberIn('notNegative', '--tv-weight <w>', 'weight of the total variation', 0))
    .addOption(new Option('--optimizer <name>', 'optimizer').choices(['lbfgs', 'adam']).default('lbfgs'))
    .addOption(numberIn('positive', '--lr <rate>', 'learning rate (default: 1 for lbfgs, 0.02 for adam)'))
    .addOption(
      new Option('--pooling <name>', "pooling layers; avg replaces the network's max pooling")
        .choices(['max', 'avg'])
        .default('max'),
    )
    .option('--init <image>', "initial image: 'content', 'noise' or a file", 'content')
    .addOption(numberIn('seed', '--seed <n>', 'seed of the noise', 0))
    .addOption(numberIn('count', '--every <n>', 'also write the image after every n steps, as OUT-STEP.png'))
    .addOption(shared.overwrite('an image of --every'))
    .option('--json', 'print the result as one line of JSON')
    .action(run);
}

/** The image files that a call names. */
function imagesOf({ content, style, init }: StyleArguments): string[] {
  return init === 'content' || init === 'noise' ? [content, style] : [content, style, init];
}

async function run(args: StyleArguments, command: Command): Promise<void> {
  const { out, every, steps, init } = args;
  checkEnding('style', out, '.png');
  const name = out.slice(0, -'.png'.length);
  if (init !== 'noise' && isGiven(command, 'seed'))
    throw new Error(
      'style: --seed is of the noise, which --init noise begins with; add it, or leave out --seed.',
    );
  const stepOf = (file: string) =>
    file.startsWith(`${basename(name)}-`) ? Number(/-(\d+)\.png$/.exec(file)?.[1]) : Number.NaN;
  const series = namesIn(dirname(out))
    .filter((file) => every !== undefined && stepOf(file) % every === 0 && stepOf(file) < steps)
    .map((file) => join(dirname(out), file));
  checkKept('style', [...imagesOf(args), args.weights], [out, ...series]);
  if (!args.overwrite) checkNew('style', series);
  const content = await readImage(args.content);
  const style = await readImage(args.style);
  const first = init === 'content' || init === 'noise' ? init : await readImage(init);
  const { model, preprocessing } = await loadNetwork('style', args, { includeTop: false });
  const bar = countBar();
  const signal = stopOnSignal();
  const written: string[] = [];
  let writing: Promise<void> | undefined;
  const write = async (file: string, image: () => Promise<RawImage>) => {
    await writeImage(file, await image());
    written.push(file);
  };
  const onProgress = (progress: StyleProgress) => {
    bar.update(progress);
    if (every === undefined || progress.done % every !== 0 || progress.done === steps) return;
    writing = write(`${name}-${progress.done}.png`, progress.image);
    return writing;
  };
  try {
    const { image, ...result } = await styleTransfer(
      model,
      { content, style },
      {
        preprocessing,
        init: first,
        size: args.size,
        steps,
        contentWeight: args.contentWeight,
        styleWeight: args.styleWeight,
        tvWeight: args.tvWeight,
        optimizer: args.optimizer,
        learningRate: args.lr,
        pooling: args.pooling,
        seed: args.seed,
        signal,
        every: 1,
        onProgress,
      },
    );
    bar.stop();
    // A run that is stopped meanwhile does not wait for it.
    await writing;
    if (!result.losses) throw new Error('style: stopped before the first step; nothing was written.');
    if (result.steps === 0) {
      throw new Error(
        'style: no step decreased the loss, so nothing was written; use other weights of the losses, --init noise or --optimizer adam.',
      );
    }
    await writeImage(out, image);
    const { width, height } = image;
    if (args.json) say({ out, width, height, ...result, images: written });
    else {
      const { total, content, style } = result.losses;
      const [all, ...parts] = [total, content, style].map((loss) => loss.toPrecision(3));
      say(
        `${out}: ${width}x${height}, ${result.ended} after ${result.steps} steps, loss ${all} (content ${parts[0]}, style ${parts[1]})`,
      );
    }
  } finally {
    bar.stop();
    model.dispose();
  }
}
