/**
 * Renders an image in the style of others (Gatys, Ecker & Bethge 2016), and measures how similar the results are to the
 * styles.
 *
 *     npm run example -- examples/style-transfer.ts [--out FOLDER] [--weights FILE] [--content IMAGE --style IMAGE]
 *
 * Without a weight file the network is a VGG-16 with a quarter of the widths and random weights, which is enough for colors
 * and textures (He, Wang & Hopcroft 2016). Trained weights, such as torchvision's VGG-16 or VGG-19, give results like the
 * paper's. Without images the example draws its own.
 */
import '@tensorflow/tfjs-backend-wasm';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setBackend } from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { scaleArch, VGG16, vgg } from 'vgg-blocks';
import { imageSimilarity, styleTransfer } from 'vgg-blocks/features';
import type { RawImage } from 'vgg-blocks/images';
import { readImage, writeImage } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights, PUBLISHED } from 'vgg-blocks/weights';
import { brushwork, landscape, stainedGlass } from './style/paintings.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/style' },
    weights: { type: 'string' },
    content: { type: 'string' },
    style: { type: 'string' },
    steps: { type: 'string', default: '100' },
  },
});
mkdirSync(values.out, { recursive: true });
installWasmKernels();
await setBackend('wasm');

const model = values.weights
  ? (await fromWeights(values.weights, { includeTop: false })).model
  : vgg(scaleArch(VGG16, 4), {
      inputShape: [224, 224, 3],
      includeTop: false,
      initializer: 'heUniform',
      seed: 1,
    });
const { preprocessing } = PUBLISHED['torchvision/vgg16'];
const content = values.content ? await readImage(values.content) : landscape();
const styles = values.style
  ? { style: await readImage(values.style) }
  : { brushwork: brushwork(), 'stained-glass': stainedGlass() };
await writeImage(join(values.out, 'content.png'), content);

const rows: RawImage[][] = [];
const steps = Number(values.steps);
for (const [name, style] of Object.entries(styles)) {
  await writeImage(join(values.out, `${name}.png`), style);
  const early: RawImage[] = [];
  const { image, losses } = await styleTransfer(
    model,
    { content, style },
    {
      preprocessing,
      steps,
      styleWeight: values.weights ? 1e6 : 1e5,
      pooling: 'avg',
      every: 5,
      onProgress: async (progress) => {
        if (progress.done === 5 || progress.done === 20) early.push(await progress.image());
        if (progress.done % 20 === 0)
          console.log(
            `${name}, step ${progress.done}: loss ${progress.losses.total.toPrecision(3)}, ${Math.round(progress.secondsLeft)} s left`,
          );
      },
    },
  );
  await writeImage(join(values.out, `${name}-result.png`), image);
  const after = await imageSimilarity(model, [image, style], { preprocessing, layer: 'relu2_2' });
  const before = await imageSimilarity(model, [content, style], { preprocessing, layer: 'relu2_2' });
  console.log(
    `${name}: loss ${losses!.total.toPrecision(3)}; similarity to the style ${before.toFixed(3)} before, ${after.toFixed(3)} after`,
  );
  rows.push([content, style, ...early, image]);
}
await writeSheet(join(values.out, 'sheet.jpg'), rows);
model.dispose();

/** Writes images side by side, one row per style. */
async function writeSheet(path: string, rows: readonly RawImage[][]): Promise<void> {
  const [width, height, gap] = [192, 144, 4];
  const columns = Math.max(...rows.map((row) => row.length));
  const tiles = rows.flatMap((row, y) =>
    row.map(async ({ data, width: w, height: h }, x) => ({
      input: await sharp(data, { raw: { width: w, height: h, channels: 3 } })
        .resize(width, height, { fit: 'contain', background: 'white' })
        .png()
        .toBuffer(),
      left: x * (width + gap),
      top: y * (height + gap),
    })),
  );
  const size = { width: columns * (width + gap) - gap, height: rows.length * (height + gap) - gap };
  await sharp({ create: { ...size, channels: 3, background: 'white' } })
    .composite(await Promise.all(tiles))
    .jpeg({ quality: 88 })
    .toFile(path);
}
