import { basename, extname, join } from 'node:path';
import { type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, Option } from 'commander';
import {
  EXPLAIN_METHODS,
  type ExplainMethod,
  explain,
  faithfulness,
  featureExtractor,
  featureMapGrid,
} from 'vgg-blocks/features';
import { type HeatMap, overlay, type Preprocessing, preprocess, type RawImage } from 'vgg-blocks/images';
import { writeImage } from 'vgg-blocks/node';
import { decoding } from './decoder.js';
import { checkNew } from './disk.js';
import { eachImage, IMAGES_HELP } from './images.js';
import { classOf, labelsOption } from './labels.js';
import { checkKept } from './modelFile.js';
import { loadClassifier, type NetworkArguments, withNetwork } from './network.js';
import { numberIn, shared } from './options.js';

interface GradCamArguments extends NetworkArguments {
  labels?: string;
  out: string;
  method: ExplainMethod;
  layer?: string;
  faithfulness?: true;
  class?: string;
  maps?: string;
  overwrite?: true;
  size: number;
  json?: true;
}

/** `vgg-blocks gradcam`: shows where a network sees a class. */
export function gradcamCommand(): Command {
  const command = new Command('gradcam')
    .description(
      'show where the network sees a class: each image overlaid with a heat map, by Grad-CAM or another method, as PNG',
    )
    .argument('<images...>', IMAGES_HELP);
  return withNetwork(decoding(command))
    .addOption(labelsOption())
    .requiredOption('--out <folder>', 'output folder')
    .addOption(
      new Option('--method <name>', 'how the map is computed').choices(EXPLAIN_METHODS).default('gradcam'),
    )
    .option(
      '--layer <name>',
      'for the methods that end in cam or cam++: layer whose feature maps are weighted (default: the last convolution, after its ReLU)',
    )
    .option('--class <name>', 'class to explain, by label or number (default: the most probable one)')
    .option(
      '--faithfulness',
      'also measure each map by deletion (a small area is good) and insertion (a large one is)',
    )
    .option('--maps <layer>', 'also write the first 64 feature maps of this layer')
    .addOption(shared.overwrite('a map'))
    .addOption(numberIn('side', '--size <pixels>', 'maximum length of the longer side of the output', 1024))
    .option('--json', 'print one line of JSON per image')
    .action(run);
}

async function run(patterns: string[], args: GradCamArguments): Promise<void> {
  const { model, preprocessing, labels } = await loadClassifier('gradcam', args);
  const classIndex = args.class === undefined ? undefined : classOf('gradcam', args.class, labels);
  const extractor = args.maps === undefined ? undefined : mapsOf(model, args.maps);
  const { method, layer } = args;
  let outputs = new Map<string, Outputs>();
  const begin = (paths: readonly string[]) => {
    outputs = outputsOf(paths, args);
    const files = [...outputs.values()].flatMap(({ file, maps }) => [file, maps ?? []].flat());
    checkKept('gradcam', [...paths, args.weights, args.labels], files);
    if (!args.overwrite) checkNew('gradcam', files);
  };
  const work: Parameters<typeof eachImage>[2] = async (image, path, print) => {
    const map = await explain(model, image, { method, layer, classIndex, preprocessing });
    const { file, maps } = outputs.get(path)!;
    const written = { image: path, classIndex: map.classIndex, label: labels[map.classIndex]!, file };
    await writeImage(written.file, await overlay(image, map, { maxSide: args.size, clip: clipOf(method) }));
    if (extractor && maps) {
      const x = await preprocess(image, preprocessing);
      const features = tidy(() => extractor.predict(x) as Tensor);
      const grid = await featureMapGrid(features).finally(() => {
        for (const tensor of [x, features]) tensor.dispose();
      });
      await writeImage(maps, grid);
    }
    const areas = args.faithfulness && (await areasOf(model, image, map, preprocessing));
    const measured =
      areas && `deletion ${areas.deletion.toFixed(3)}, insertion ${areas.insertion.toFixed(3)}`;
    print(
      args.json
        ? { ...written, maps, ...areas }
        : `${path}: ${written.label}, ${[written.file, maps, measured].filter(Boolean).join(', ')}`,
    );
  };
  await eachImage('gradcam', patterns, work, begin);
  model.dispose();
}

/** The model that computes the feature maps of a layer. */
function mapsOf(model: LayersModel, name: string): LayersModel {
  const extractor = featureExtractor(model, name);
  if (extractor.outputs[0]!.shape.length === 4) return extractor;
  const last = model.layers.findLast((layer) => layer.outputShape.length === 4);
  throw new Error(
    `gradcam: --maps is ${name}, whose output is not a feature map; name a convolution, its ReLU or a pooling${last ? `, such as ${last.name}` : ''}.`,
  );
}

/** The areas under the curves of deletion and insertion. */
async function areasOf(
  model: LayersModel,
  image: RawImage,
  map: HeatMap,
  preprocessing: Preprocessing,
): Promise<{ deletion: number; insertion: number }> {
  const { deletion, insertion } = await faithfulness(model, image, map, { preprocessing });
  return { deletion: deletion.area, insertion: insertion.area };
}

/** Where the colors of a map end: a few pixels of a map of gradients far exceed the others. */
function clipOf(method: ExplainMethod): number {
  return /cam|occlusion/.test(method) ? 1 : 0.99;
}

/** The files that are written for an image. */
interface Outputs {
  file: string;
  maps: string | undefined;
}

/** The output files of each image, by its path: they have the image's own name, with a number if it is already taken. */
function outputsOf(
  paths: readonly string[],
  { out, method, maps }: Pick<GradCamArguments, 'out' | 'method' | 'maps'>,
): Map<string, Outputs> {
  const taken = new Set<string>();
  const outputs = new Map<string, Outputs>();
  for (const path of new Set(paths)) {
    const own = basename(path, extname(path));
    let free = own;
    for (let i = 2; taken.has(free); i++) free = `${own}-${i}`;
    taken.add(free);
    const name = join(out, free);
    outputs.set(path, {
      file: `${name}.${method}.png`,
      maps: maps === undefined ? undefined : `${name}.${maps}.png`,
    });
  }
  return outputs;
}
