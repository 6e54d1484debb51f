import { Command, Option } from 'commander';
import { EmbeddingIndex, embed } from 'vgg-blocks/features';
import { readImage, writeFileAtomic } from 'vgg-blocks/node';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { number } from './options.js';
import { eachImage, IMAGES_HELP } from './pictures.js';

interface SimilarArguments extends NetworkArguments {
  layer: string;
  top: number;
  saveIndex?: string;
  json?: true;
}

/** `vgg-blocks similar`: which pictures look most like one. */
export function similarCommand(): Command {
  const command = new Command('similar')
    .description('find the pictures that look most like one: the cosine of what a layer sees in them')
    .argument('<picture>', 'the one to compare with')
    .argument('<images...>', IMAGES_HELP);
  return withNetwork(command)
    .option('--layer <name>', 'whose features, averaged over places', 'pool5')
    .addOption(new Option('--top <n>', 'how many').argParser(number).default(10))
    .option('--save-index <file>', 'keep the vectors, as safetensors, for EmbeddingIndex.load')
    .option('--json', 'print a line of JSON a picture')
    .action(run);
}

async function run(wanted: string, patterns: string[], args: SimilarArguments): Promise<void> {
  const picture = await readImage(wanted);
  const { model, preprocessing } = await loadNetwork('similar', args, { includeTop: false });
  const options = { preprocessing, layer: args.layer };
  try {
    const [vector] = await embed(model, [picture], options);
    const index = new EmbeddingIndex(vector!.length);
    await eachImage('similar', patterns, async (image, path) => {
      const [other] = await embed(model, [image], options);
      // Folders and globs may name a picture twice.
      if (!index.has(path)) index.add(path, other!);
    });
    for (const { id, similarity } of index.search(vector!, args.top)) {
      console.log(args.json ? JSON.stringify({ image: id, similarity }) : `${similarity.toFixed(4)} ${id}`);
    }
    if (args.saveIndex) await writeFileAtomic(args.saveIndex, index.toBytes());
  } finally {
    model.dispose();
  }
}
