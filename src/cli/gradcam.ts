import { basename, extname, join } from 'node:path';
import { type Tensor, tidy } from '@tensorflow/tfjs-core';
import { Command } from 'commander';
import { featureExtractor, featureMapGrid, gradCam } from 'vgg-blocks/features';
import { overlay, preprocess } from 'vgg-blocks/images';
import { writeImage } from 'vgg-blocks/node';
import { eachImage, IMAGES_HELP } from './images.js';
import { labelsOption } from './labels.js';
import { loadClassifier, type NetworkArguments, withNetwork } from './network.js';
import { numeric } from './options.js';

interface GradCamArguments extends NetworkArguments {
  labels?: string;
  out: string;
  layer?: string;
  class?: string;
  maps?: string;
  size: number;
  json?: true;
}

/** `vgg-blocks gradcam`: shows where a network sees a class. */
export function gradcamCommand(): Command {
  const command = new Command('gradcam')
    .description('show where the network sees a class: each image overlaid with its Grad-CAM map, as PNG')
    .argument('<images...>', IMAGES_HELP);
  return withNetwork(command)
    .addOption(labelsOption())
    .requiredOption('--out <folder>', 'output folder')
    .option(
      '--layer <name>',
      'layer whose feature maps are weighted (default: the last convolution, after its ReLU)',
    )
    .option('--class <name>', 'class to explain, by label or number (default: the most probable one)')
    .option('--maps <layer>', 'also write the first 64 feature maps of this layer')
    .addOption(numeric('--size <pixels>', 'maximum length of the longer side of the output', 1024))
    .option('--json', 'print one line of JSON per image')
    .action(run);
}

async function run(patterns: string[], args: GradCamArguments): Promise<void> {
  const { model, preprocessing, labels } = await loadClassifier('gradcam', args);
  const classIndex = args.class === undefined ? undefined : classOf(args.class, labels);
  const extractor = args.maps === undefined ? undefined : featureExtractor(model, args.maps);
  const nameFor = names(args.out);
  await eachImage('gradcam', patterns, async (image, path, print) => {
    const map = await gradCam(model, image, { layer: args.layer, classIndex, preprocessing });
    const name = nameFor(path);
    const written = {
      image: path,
      classIndex: map.classIndex,
      label: labels[map.classIndex]!,
      file: `${name}.gradcam.png`,
    };
    await writeImage(written.file, await overlay(image, map, { maxSide: args.size }));
    const maps = extractor && `${name}.${args.maps}.png`;
    if (extractor && maps) {
      const x = await preprocess(image, preprocessing);
      const features = tidy(() => extractor.predict(x) as Tensor);
      const grid = await featureMapGrid(features).finally(() => {
        for (const tensor of [x, features]) tensor.dispose();
      });
      await writeImage(maps, grid);
    }
    print(
      args.json
        ? JSON.stringify({ ...written, maps })
        : `${path}: ${written.label}, ${[written.file, maps].filter(Boolean).join(', ')}`,
    );
  });
  model.dispose();
}

function classOf(name: string, labels: readonly string[]): number {
  const index = labels.includes(name) ? labels.indexOf(name) : Number(name);
  if (name.trim() !== '' && labels[index] !== undefined) return index;
  throw new Error(
    `gradcam: there is no class ${JSON.stringify(name)}; use a label, such as ${labels.slice(0, 3).join(', ')}, or a number from 0 to ${labels.length - 1}.`,
  );
}

/** Gives each image's output files a path prefix: the image's own name, with a number if it is already taken. */
function names(folder: string): (path: string) => string {
  const taken = new Set<string>();
  return (path) => {
    const name = basename(path, extname(path));
    let free = name;
    for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
    taken.add(free);
    return join(folder, free);
  };
}
