import { join } from 'node:path';
import { Command, Option } from 'commander';
import { imageDistance, lpips, readLpipsCalibration } from 'vgg-blocks/features';
import { overlay, type RawImage, resizeBilinear, toRgb } from 'vgg-blocks/images';
import { countBar, writeImage } from 'vgg-blocks/node';
import { setMetadata } from 'vgg-blocks/weights';
import { extremes } from '../base/numbers.js';
import { messageOf } from '../base/realm.js';
import { decoding } from './decoder.js';
import { checkNew } from './disk.js';
import { imagePairs } from './imagePairs.js';
import { checkKept } from './modelFile.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { belonging, numberIn, shared } from './options.js';
import { printing } from './process.js';
import { complain, inFlags, say } from './wording.js';

interface LpipsArguments extends NetworkArguments {
  map?: string;
  mapMax?: number;
  overwrite?: true;
  max?: number;
  resize?: true;
  calibration?: string;
  lpipsVersion?: '0.1' | '0.0';
  json?: true;
}

/** Opacity of a map: the colors are those of its legend, and the image still says where they are. */
const OPACITY = 0.8;

/** `vgg-blocks lpips`: how different images look. */
export function lpipsCommand(): Command {
  const command = new Command('lpips')
    .description(
      'measure how different images look: LPIPS, the learned perceptual distance, 0 for equal images (weights: torchvision/vgg16, downloaded once, unless others are given)',
    )
    .argument('<one>', 'an image, or a folder of images')
    .argument('<other>', 'an image, or a folder of images; those of two folders are paired by name');
  const network = withNetwork(decoding(printing(command, ({ map }: LpipsArguments) => map !== undefined)));
  return belonging(network, { mapMax: 'map', overwrite: 'map' })
    .option(
      '--map <file>',
      'draw where the images differ, over the second one, with a legend: a .png, or a folder where folders are compared',
    )
    .addOption(
      numberIn(
        'positive',
        '--map-max <distance>',
        "distance with the full color (default: each map's largest)",
      ),
    )
    .addOption(shared.overwrite('a map of two images in folders'))
    .addOption(numberIn('notNegative', '--max <distance>', 'fail if a distance is larger'))
    .option('--resize', "resize the second image to the first one's size where they differ")
    .option('--calibration <file>', 'weights of the channels (default: the published ones)')
    .addOption(
      new Option('--lpips-version <version>', "the calibration's version of LPIPS")
        .choices(['0.1', '0.0'])
        .default('0.1'),
    )
    .option('--json', 'print one line of JSON per pair')
    .action(run);
}

async function run(first: string, second: string, args: LpipsArguments): Promise<void> {
  const { map, lpipsVersion: version, json } = args;
  const bar = countBar();
  const report = (line: string) => {
    bar.stop();
    complain(line);
  };
  const { pairs, ofFolders } = await imagePairs(first, second, report);
  if (pairs.length === 0) throw new Error(`lpips: ${first} and ${second} have no images to compare.`);
  if (map !== undefined && !ofFolders && !map.toLowerCase().endsWith('.png'))
    throw new Error(`lpips: --map is ${map}; use a name that ends in .png.`);
  const fileOf = (name: string) =>
    map === undefined ? undefined : ofFolders ? join(map, `${name}.lpips.png`) : map;
  if (map !== undefined) checkKept('lpips', [first, second, args.weights, args.calibration], [map]);
  const maps = pairs.flatMap(({ name }) => fileOf(name) ?? []);
  checkKept(
    'lpips',
    [...pairs.flatMap(({ one, other }) => [one.path, other.path]), args.weights, args.calibration],
    maps,
  );
  if (ofFolders && !args.overwrite) checkNew('lpips', maps, 'choose another --map, or add --overwrite');
  const calibration =
    args.calibration === undefined ? undefined : await readLpipsCalibration(args.calibration);
  const { model, preprocessing } = await loadNetwork(
    'lpips',
    args.weights === undefined ? { pretrained: 'torchvision/vgg16', ...args } : args,
    { includeTop: false },
  );
  const distances: number[] = [];
  let failed = 0;
  try {
    setMetadata(model, { preprocessing });
    // What is wrong with the network is said once, not for each pair.
    lpips(model, { calibration, version });
    for (const [done, { name, one, other }] of pairs.entries()) {
      bar.update({ done, total: pairs.length, unit: 'images' });
      try {
        const images = await comparable([await one.read(), await other.read()], args);
        const found = await imageDistance(model, images, {
          calibration,
          version,
          spatial: map !== undefined,
        });
        const file = fileOf(name);
        if (file !== undefined) {
          await writeImage(
            file,
            await overlay(images[1], found.map!, {
              full: args.mapMax,
              opacity: OPACITY,
              legend: true,
            }),
          );
        }
        const { distance } = found;
        distances.push(distance);
        bar.stop();
        const line = { image: one.path, other: other.path, distance, map: file };
        say(json ? line : [distance.toFixed(4), name, file].filter(Boolean).join('  '));
      } catch (error) {
        failed++;
        report(`${name}: ${inFlags(messageOf(error))}`);
      }
    }
  } finally {
    bar.stop();
    model.dispose();
  }
  summarize(pairs.length, failed, distances, args);
}

/** Two images of one size. */
async function comparable(
  [one, other]: readonly [RawImage, RawImage],
  { resize }: LpipsArguments,
): Promise<[RawImage, RawImage]> {
  const { width, height } = one;
  if (other.width === width && other.height === height) return [one, other];
  if (resize) return [one, resizeBilinear(await toRgb(other), width, height)];
  throw new Error(
    `the images are ${width}x${height} and ${other.width}x${other.height}; pass --resize to resize the second one.`,
  );
}

/** Says what the distances are together, and fails where one is missing or too large. */
function summarize(
  pairs: number,
  failed: number,
  distances: readonly number[],
  { max, json }: LpipsArguments,
) {
  if (pairs > 1 && distances.length > 0 && !json) {
    const mean = distances.reduce((total, one) => total + one, 0) / distances.length;
    say(`mean ${mean.toFixed(4)}, largest ${extremes(distances)[1].toFixed(4)}`);
  }
  const above = max === undefined ? 0 : distances.filter((one) => one > max).length;
  if (above > 0) complain(`lpips: ${above} of ${pairs} distances are above ${max}.`);
  if (failed > 0 && pairs > 1) complain(`lpips: ${failed} of ${pairs} pairs could not be compared.`);
  if (above > 0 || failed > 0) process.exitCode ??= 1;
}
