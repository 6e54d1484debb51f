import { readdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Command, Option } from 'commander';
import { glob, isDynamicPattern } from 'tinyglobby';
import { classify, LABELS, type Prediction } from 'vgg-blocks/imagenet';
import { readImage } from 'vgg-blocks/node';
import { fromWeights, type LoadedNetwork, type Preprocessing, PUBLISHED } from 'vgg-blocks/weights';
import { useBackend } from './backend.js';
import { number } from './options.js';

const RECIPES = {
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
} satisfies Record<string, Preprocessing>;

interface ClassifyArguments {
  weights: string;
  recipe?: keyof typeof RECIPES;
  labels?: string;
  top: number;
  json?: true;
}

/** `vgg-blocks classify`: what a network takes pictures for. */
export function classifyCommand(): Command {
  return new Command('classify')
    .description('tell what pictures show, by a weight file of ImageNet or of your own classes')
    .argument('<images...>', 'pictures, folders of pictures, or globs')
    .requiredOption('--weights <file>', '.safetensors, .pth, .h5, .keras or tfjs model.json with its top')
    .addOption(
      new Option(
        '--recipe <whose>',
        'how the pictures are prepared (default: as the file is one of PyTorch or of Keras)',
      ).choices(Object.keys(RECIPES)),
    )
    .option('--labels <file>', "the classes' names, one a line (default: ImageNet's 1000, otherwise numbers)")
    .addOption(new Option('--top <n>', 'classes a picture').argParser(number).default(5))
    .option('--json', 'print a line of JSON a picture')
    .action(run);
}

async function run(patterns: string[], args: ClassifyArguments): Promise<void> {
  await useBackend('wasm');
  const loaded = await fromWeights(args.weights);
  const { model, network } = loaded;
  if (!network.top)
    throw new Error(`classify: ${args.weights} has no top; give a file with its fully connected layers.`);
  const preprocessing = sizedFor(args.weights, recipeOf(args, loaded), model.inputs[0]!.shape);
  const labels = await labelsOf(args.labels, network.top.classes);
  let [read, failed] = [0, 0];
  for await (const path of picturesOf(patterns)) {
    try {
      const predictions = await classify(model, await readImage(path), {
        preprocessing,
        labels,
        topK: args.top,
      });
      console.log(args.json ? JSON.stringify({ image: path, predictions }) : lineOf(path, predictions));
      read++;
    } catch (error) {
      console.error((error as Error).message);
      failed++;
    }
  }
  model.dispose();
  if (read + failed === 0) throw new Error(`classify: there are no pictures in ${patterns.join(', ')}.`);
  if (failed > 0) throw new Error(`classify: ${failed} of ${read + failed} pictures could not be read.`);
}

function lineOf(path: string, predictions: Prediction[]): string {
  return `${path}: ${predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(', ')}`;
}

/** The recipe that is asked for, or that of the framework whose file it is; of a converted one nobody can tell. */
function recipeOf({ recipe, weights }: ClassifyArguments, { network, report }: LoadedNetwork): Preprocessing {
  if (recipe) return RECIPES[recipe];
  if (network.names !== 'keras') return RECIPES.torchvision;
  if (report.format.startsWith('Keras')) return RECIPES.keras;
  throw new Error(
    `classify: ${weights} does not say whether it is of PyTorch or of Keras, which prepare pictures differently; pass --recipe.`,
  );
}

/** A recipe for the size of image that a network takes; published ones are made for 224. */
function sizedFor(weights: string, recipe: Preprocessing, shape: readonly (number | null)[]): Preprocessing {
  const [, height, width, channels] = shape;
  if (height !== width || channels !== 3) {
    throw new Error(
      `classify: ${weights} takes images of ${height}x${width}x${channels}, and squares of 3 channels are prepared.`,
    );
  }
  if (height === recipe.crop || height === null) return recipe;
  const side = (length: number) => Math.round((length * height!) / recipe.crop);
  const { resize } = recipe;
  return {
    ...recipe,
    crop: height!,
    resize:
      'height' in resize ? { height: height!, width: height! } : { shorterSide: side(resize.shorterSide) },
  };
}

async function labelsOf(file: string | undefined, classes: number): Promise<readonly string[]> {
  if (file === undefined)
    return classes === LABELS.length ? LABELS : Array.from({ length: classes }, (_, i) => `class ${i}`);
  const labels = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  if (labels.length !== classes) {
    throw new Error(
      `classify: ${file} names ${labels.length} classes, and the network has ${classes}; give one a line.`,
    );
  }
  return labels;
}

const PICTURES = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i;

/** The pictures that are meant: files as they are named, what folders hold, what globs find. */
async function* picturesOf(patterns: readonly string[]): AsyncGenerator<string> {
  for (const pattern of patterns) {
    const found = await stat(pattern).catch(() => undefined);
    if (found?.isDirectory()) {
      const names = await readdir(pattern, { recursive: true });
      yield* names
        .filter((name) => PICTURES.test(name))
        .sort()
        .map((name) => join(pattern, name));
    } else if (!found && isDynamicPattern(pattern)) {
      yield* (await glob(pattern.replaceAll('\\', '/'), { absolute: isAbsolute(pattern) })).sort();
    } else yield pattern;
  }
}
