import { Command } from 'commander';
import { classify, type Prediction } from 'vgg-blocks/imagenet';
import { decoding } from './decoder.js';
import { batchOption, eachBatch, eachImage, IMAGES_HELP, type Print } from './images.js';
import { labelsOption } from './labels.js';
import { loadClassifier, type NetworkArguments, withNetwork } from './network.js';
import { numberIn } from './options.js';
import { printing } from './process.js';
import { checkViews, type ViewArguments, viewsIn, withViews } from './views.js';

interface ClassifyArguments extends NetworkArguments, ViewArguments {
  labels?: string;
  top: number;
  batch: number;
  json?: true;
}

/** `vgg-blocks classify`: predicts the classes of images. */
export function classifyCommand(): Command {
  const command = new Command('classify')
    .description('predict what images show, with ImageNet weights or your own')
    .argument('<images...>', IMAGES_HELP);
  return withViews(withNetwork(decoding(printing(command))))
    .addOption(labelsOption())
    .addOption(numberIn('count', '--top <n>', 'number of classes per image', 5))
    .addOption(batchOption())
    .option('--json', 'print one line of JSON per image')
    .action(run);
}

async function run(patterns: string[], args: ClassifyArguments): Promise<void> {
  const { model, preprocessing, labels } = await loadClassifier('classify', args);
  const options = { preprocessing, labels, topK: args.top, batchSize: args.batch };
  const printed = (print: Print, image: string, predictions: Prediction[]) =>
    print(args.json ? { image, predictions } : lineOf(image, predictions));
  const views = viewsIn(args);
  if (views) {
    checkViews('classify', views, preprocessing);
    await eachImage('classify', patterns, async (image, path, print) =>
      printed(print, path, await classify(model, image, { ...options, ...views })),
    );
  } else {
    await eachBatch(
      'classify',
      patterns,
      { preprocessing, batch: args.batch },
      async (images, paths, print) => {
        for (const [i, predictions] of (await classify(model, images, options)).entries()) {
          printed(print, paths[i]!, predictions);
        }
      },
    );
  }
  model.dispose();
}

function lineOf(path: string, predictions: Prediction[]): string {
  return `${path}: ${predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(', ')}`;
}
