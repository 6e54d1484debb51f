/**
 * Makes the images of docs/gallery.md: a narrow VGG learns to classify a garment anywhere in a scene, and then explains
 * what it sees in scenes with two.
 *
 *     npm run example -- examples/gallery.ts [output folder] [folder of IDX files, such as Fashion-MNIST's]
 *
 * Without IDX files the garments are drawn. Training takes some minutes on one core; the network is saved in runs/ and
 * loaded from there the next time.
 */
import '@tensorflow/tfjs-backend-wasm';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setBackend, type Tensor, type Tensor4D, tensor4d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fashionMnist, garments, type ImageSet } from 'vgg-blocks/data';
import {
  EXPLAIN_METHODS,
  explain,
  faithfulness,
  featureExtractor,
  featureMapGrid,
  gradCam,
  kernelGrid,
  saliency,
  visualize,
} from 'vgg-blocks/features';
import { type HeatMap, heatMapImage, overlay, type RawImage } from 'vgg-blocks/images';
import { writeImage } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';
import { randomOf } from './random.js';
import { sceneNetwork } from './sceneNetwork.js';
import { SIZE, scene } from './scenes.js';

const [out = 'docs/figures/gallery', idx] = process.argv.slice(2);
const SCALE = 3;
/** The scenes by which the methods are measured. */
const MEASURED = 10;

installWasmKernels();
await setBackend('wasm');
const sets = await (idx ? fashionMnist({ source: idx }) : garments());
const names = sets.testSet.classNames;
const folder = join('runs', idx ? `gallery-${basename(idx)}` : 'gallery');
const model = await sceneNetwork(sets, folder);
console.log(await pointingGame(model, 200));
await draw(model);
await compare(model);
await drawClasses();
model.dispose();

/** A scene with two garments of different classes side by side, as an image and as the network's input. */
interface Pair {
  x: Tensor4D;
  image: RawImage;
  /** The classes on the left and on the right. */
  classes: [number, number];
}

function pairOf(test: ImageSet, seed: number): Pair {
  const random = randomOf(seed);
  const draw = () => Math.floor(random() * test.length);
  const left = draw();
  let right = draw();
  while (test.labels[right] === test.labels[left]) right = draw();
  const position = (from: number) => [from + 3 * random(), 4 + 28 * random()] as const;
  const data = scene(
    test,
    [
      [left, position(1)],
      [right, position(33)],
    ],
    random,
  );
  const x = tensor4d(
    Float32Array.from(data, (byte) => byte / 255),
    [1, SIZE, SIZE, 3],
  );
  const image = { data, width: SIZE, height: SIZE };
  return { x, image, classes: [test.labels[left]!, test.labels[right]!] };
}

/** In how many scenes the maximum of a class's map is on the half with its garment (Zhang et al. 2016). */
async function pointingGame(model: LayersModel, scenes: number): Promise<string> {
  let hits = 0;
  for (let seed = 1; seed <= scenes; seed++) {
    const { x, classes } = pairOf(sets.testSet, seed);
    for (const [half, classIndex] of classes.entries()) {
      const map = await gradCam(model, x, { classIndex });
      const maximum = map.values.indexOf(map.values.reduce((a, b) => Math.max(a, b))) % map.width;
      if (Math.floor((2 * maximum) / map.width) === half) hits++;
    }
    x.dispose();
  }
  return `the maximum is on the correct garment in ${((100 * hits) / (2 * scenes)).toFixed(1)} % of ${2 * scenes} maps`;
}

async function draw(model: LayersModel): Promise<void> {
  const write = (name: string, image: RawImage) => writeImage(join(out, `${name}.png`), image);
  for (const [i, seed] of [1, 2, 3].entries()) {
    const { x, image, classes } = pairOf(sets.testSet, 1000 + seed);
    const large = enlarged(image);
    await write(`scene-${i + 1}`, large);
    const found: string[] = [];
    for (const [half, classIndex] of classes.entries()) {
      const map = await gradCam(model, x, { classIndex });
      await write(`scene-${i + 1}-${half === 0 ? 'left' : 'right'}`, await overlay(large, map));
      found.push(names[classIndex]!);
    }
    console.log(`scene ${i + 1}: ${found.join(' and ')}`);
    if (i === 0) {
      const classIndex = classes[0];
      await write('saliency', shown(await saliency(model, x, { classIndex })));
      await write('smoothgrad', shown(await saliency(model, x, { classIndex, samples: 32, noise: 0.03 })));
      for (const layer of ['relu1_1', 'relu3_2', 'relu4_2']) {
        const maps = tidy(() => featureExtractor(model, layer).predict(x) as Tensor);
        await write(layer, await featureMapGrid(maps, { columns: 8, colorMap: 'inferno' }));
        maps.dispose();
      }
    }
    x.dispose();
  }
  await write('kernels', await kernelGrid(model, { columns: 8, padding: 4, scale: 16 }));
}

/** Explains one scene by all methods, and measures each over several. */
async function compare(model: LayersModel): Promise<void> {
  const areas = new Map(EXPLAIN_METHODS.map((method) => [method, { deletion: 0, insertion: 0 }]));
  for (let seed = 1; seed <= MEASURED; seed++) {
    const { x, image, classes } = pairOf(sets.testSet, 1000 + seed);
    for (const method of EXPLAIN_METHODS) {
      const map = await explain(model, x, { method, classIndex: classes[0] });
      const { deletion, insertion } = await faithfulness(model, x, map, { batchSize: 17 });
      const total = areas.get(method)!;
      total.deletion += deletion.area / MEASURED;
      total.insertion += insertion.area / MEASURED;
      const clip = /cam|occlusion/.test(method) ? 1 : 0.99;
      const drawn = await overlay(enlarged(image), map, { clip });
      if (seed === 1) await writeImage(join(out, `method-${method.replaceAll('+', 'p')}.png`), drawn);
    }
    x.dispose();
  }
  for (const [method, { deletion, insertion }] of areas) {
    console.log(`| \`${method}\` | ${deletion.toFixed(3)} | ${insertion.toFixed(3)} |`);
  }
}

/** Draws what the classes of the Fashion-MNIST network beside this file respond to. */
async function drawClasses(): Promise<void> {
  const { model } = await fromWeights(fileURLToPath(new URL('fashion-mnist.safetensors', import.meta.url)));
  for (const [name, filter] of Object.entries({ shirt: 0, trouser: 1, dress: 3, coat: 4, bag: 8, boot: 9 })) {
    const image = await visualize(model, 'logits', filter);
    await writeImage(join(out, `class-${name}.png`), enlarged(image, 4));
  }
  model.dispose();
}

function shown(map: HeatMap): RawImage {
  return enlarged(heatMapImage(map, { clip: 0.99 }));
}

/** Repeats every pixel in both directions. */
function enlarged({ data, width, height }: RawImage, scale = SCALE): RawImage {
  const bytes = data.length / (width * height);
  const large = new Uint8Array(data.length * scale * scale);
  for (let i = 0; i < large.length; i++) {
    const pixel = Math.floor(i / bytes);
    const [x, y] = [pixel % (scale * width), Math.floor(pixel / (scale * width))];
    large[i] = data[bytes * (Math.floor(y / scale) * width + Math.floor(x / scale)) + (i % bytes)]!;
  }
  return { data: large, width: scale * width, height: scale * height };
}
