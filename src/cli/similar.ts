import { Command } from 'commander';
import { EmbeddingIndex, embed } from 'vgg-blocks/features';
import { readImage, writeFileAtomic } from 'vgg-blocks/node';
import { decoding } from './decoder.js';
import { batchOption, eachBatch, IMAGES_HELP } from './images.js';
import { checkKept } from './modelFile.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { checkEnding, numberIn } from './options.js';
import { printing } from './process.js';
import { say } from './wording.js';

interface SimilarArguments extends NetworkArguments {
  layer: string;
  top: number;
  batch: number;
  saveIndex?: string;
  json?: true;
}

/** `vgg-blocks similar`: ranks images by similarity to one image. */
export function similarCommand(): Command {
  const command = new Command('similar')
    .description(
      "rank images by similarity to one image: the cosine of a layer's features, averaged over positions",
    )
    .argument('<image>', 'the image to compare with')
    .argument('<images...>', IMAGES_HELP);
  const writes = ({ saveIndex }: SimilarArguments) => saveIndex !== undefined;
  return withNetwork(decoding(printing(command, writes)))
    .option('--layer <name>', 'layer whose features are compared', 'pool5')
    .addOption(numberIn('count', '--top <n>', 'number of results', 10))
    .addOption(batchOption())
    .option('--save-index <file>', 'write the vectors to a .safetensors file, for EmbeddingIndex.load')
    .option('--json', 'print one line of JSON per image')
    .action(run);
}

async function run(query: string, patterns: string[], args: SimilarArguments): Promise<void> {
  if (args.saveIndex) checkEnding('similar', args.saveIndex, '.safetensors');
  if (args.saveIndex) checkKept('similar', [query, ...patterns, args.weights], [args.saveIndex]);
  const queryImage = await readImage(query);
  const { model, preprocessing } = await loadNetwork('similar', args, { includeTop: false });
  const { batch } = args;
  const options = { preprocessing, layer: args.layer, batchSize: batch };
  try {
    const [vector] = await embed(model, [queryImage], options);
    const index = new EmbeddingIndex(vector!.length);
    await eachBatch('similar', patterns, { preprocessing, batch }, async (images, paths) => {
      for (const [i, other] of (await embed(model, images, options)).entries()) {
        // Folders and globs may name an image twice.
        if (!index.has(paths[i]!)) index.add(paths[i]!, other);
      }
    });
    for (const { id, similarity } of index.search(vector!, args.top)) {
      say(args.json ? { image: id, similarity } : `${similarity.toFixed(4)} ${id}`);
    }
    if (args.saveIndex) await writeFileAtomic(args.saveIndex, index.toBytes());
  } finally {
    model.dispose();
  }
}
