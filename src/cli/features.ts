import { basename } from 'node:path';
import { tidy } from '@tensorflow/tfjs-core';
import { Command, Option } from 'commander';
import { featureExtractor } from 'vgg-blocks/features';
import { preprocess } from 'vgg-blocks/images';
import { type NpyWriter, npyWriter, writeFileAtomic } from 'vgg-blocks/node';
import { decoding } from './decoder.js';
import { checkNew, checkReplaced } from './disk.js';
import { batchOption, eachBatch, IMAGES_HELP } from './images.js';
import { checkKept } from './modelFile.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { checkEnding } from './options.js';
import { repeatable } from './repeats.js';
import { say } from './wording.js';

interface FeaturesArguments extends NetworkArguments {
  layer: string[];
  out: string;
  pooling?: 'avg' | 'max';
  batch: number;
  dtype: 'f32' | 'f16';
}

/** `vgg-blocks features`: writes the features of images as NumPy files. */
export function featuresCommand(): Command {
  const command = new Command('features')
    .description('write the features of a layer as .npy, one row per image, and a .json that lists the rows')
    .argument('<images...>', IMAGES_HELP);
  return withNetwork(decoding(command))
    .addOption(
      repeatable<string[]>(
        '--layer <name>',
        'block5_pool, relu5_3, fc7, ...; repeat the option or use commas for several, one file each',
        (text, before = []) => [...before, ...text.split(',')],
      ).makeOptionMandatory(),
    )
    .requiredOption(
      '--out <file>',
      'output file, ending in .npy; with several layers, their names are inserted',
    )
    .addOption(new Option('--pooling <how>', 'reduce each feature map to one number').choices(['avg', 'max']))
    .addOption(batchOption())
    .addOption(new Option('--dtype <type>', 'number format').choices(['f32', 'f16']).default('f32'))
    .action(run);
}

async function run(patterns: string[], args: FeaturesArguments): Promise<void> {
  const { layer: names, out, pooling, dtype } = args;
  checkEnding('features', out, '.npy');
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new Error(`features: --layer ${twice} is given twice; name each layer once.`);
  const base = out.slice(0, -'.npy'.length);
  const before = checkReplaced('features', `${base}.json`, ['network', 'layers', 'images']);
  const written = [before.layers].flat().map((one) => basename(String(Object(one).file)));
  const files = names.length === 1 ? [out] : names.map((name) => `${base}.${name}.npy`);
  const others = files.filter((file) => file !== out && !written.includes(basename(file)));
  checkNew('features', others, 'or choose another --out');
  checkKept('features', [...patterns, args.weights], [...files, `${base}.json`]);
  const { model, source, preprocessing, nonFinite } = await loadNetwork('features', args);
  if (nonFinite !== undefined) {
    model.dispose();
    throw new Error(
      `features: the weights ${nonFinite} of ${source} are NaN or infinite; use a network that has not diverged.`,
    );
  }
  const { crop } = preprocessing;
  const extractor = featureExtractor(model, names, {
    inputShape: [crop, crop, preprocessing.channels === 'gray' ? 1 : 3],
    pooling,
  });
  const layers = extractor.outputs.map(({ shape }, i) => ({
    layer: names[i]!,
    file: files[i]!,
    shape: shape.slice(1) as number[],
  }));
  const writers: NpyWriter[] = [];
  const images: string[] = [];
  try {
    for (const { file, shape } of layers) writers.push(await npyWriter(file, shape, { dtype }));
    const { batch } = args;
    await eachBatch('features', patterns, { preprocessing, batch }, async (prepared, paths) => {
      const x = await preprocess(prepared, preprocessing);
      const outputs = tidy(() => [extractor.predict(x, { batchSize: batch })].flat());
      x.dispose();
      try {
        for (const [i, writer] of writers.entries()) {
          const rows = await outputs[i]!.data<'float32'>();
          const length = rows.length / paths.length;
          checkRows(rows, dtype, (at) => `${names[i]} for ${paths[Math.floor(at / length)]}`);
          for (let at = 0; at < rows.length; at += length) {
            await writer.append(rows.subarray(at, at + length));
          }
        }
      } finally {
        for (const output of outputs) output.dispose();
      }
      images.push(...paths);
    });
    for (const writer of writers) await writer.close();
  } catch (error) {
    for (const writer of writers) await writer.discard();
    throw error;
  }
  const described = layers.map(({ shape, ...one }) => ({ ...one, shape: [images.length, ...shape], dtype }));
  const list = { network: source, pooling: pooling ?? null, layers: described, images };
  await writeFileAtomic(`${base}.json`, `${JSON.stringify(list, null, 2)}\n`);
  model.dispose();
  for (const { file, layer, shape } of described) say(`${file}: ${layer}, ${shape.join('x')}`);
  say(`${base}.json: the image of each row`);
}

/** The least number that rounds to infinity in half precision. */
const HALF_INFINITY = 65520;

/** Throws if a number would not be finite in the file; `named` says where in the rows it is. */
function checkRows(rows: Float32Array, dtype: 'f32' | 'f16', named: (at: number) => string): void {
  const limit = dtype === 'f16' ? HALF_INFINITY : Number.POSITIVE_INFINITY;
  const at = rows.findIndex((number) => !(Math.abs(number) < limit));
  if (at < 0) return;
  const remedy = Number.isFinite(rows[at])
    ? 'which is infinite in half precision; leave out --dtype f16'
    : 'for finite pixels; use a network that has not diverged';
  throw new Error(`features: ${named(at)} has ${rows[at]}, ${remedy}.`);
}
