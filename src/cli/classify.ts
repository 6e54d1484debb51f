import { Command, Option } from 'commander';
import { classify, type Prediction } from 'vgg-blocks/imagenet';
import { labelsOption, loadClassifier, type NetworkArguments, withNetwork } from './network.js';
import { number } from './options.js';
import { eachImage, IMAGES_HELP } from './pictures.js';

interface ClassifyArguments extends NetworkArguments {
  labels?: string;
  top: number;
  json?: true;
}

/** `vgg-blocks classify`: what a network takes pictures for. */
export function classifyCommand(): Command {
  const command = new Command('classify')
    .description('tell what pictures show, by the weights of ImageNet or of your own classes')
    .argument('<images...>', IMAGES_HELP);
  return withNetwork(command)
    .addOption(labelsOption())
    .addOption(new Option('--top <n>', 'classes a picture').argParser(number).default(5))
    .option('--json', 'print a line of JSON a picture')
    .action(run);
}

async function run(patterns: string[], args: ClassifyArguments): Promise<void> {
  const { model, preprocessing, labels } = await loadClassifier('classify', args);
  await eachImage('classify', patterns, async (image, path, print) => {
    const predictions = await classify(model, image, { preprocessing, labels, topK: args.top });
    print(args.json ? JSON.stringify({ image: path, predictions }) : lineOf(path, predictions));
  });
  model.dispose();
}

function lineOf(path: string, predictions: Prediction[]): string {
  return `${path}: ${predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(', ')}`;
}
