/**
 * Draws docs/figures/class-map.svg: a network that has learned scenes with one garment looks for the garments of a large scene.
 *
 *     npm run example -- examples/class-map.ts [output file]
 *
 * It takes the network of examples/gallery.ts from runs/gallery, or trains it.
 */
import '@tensorflow/tfjs-backend-wasm';
import { setBackend, softmax, type Tensor, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { fullyConvolutional } from 'vgg-blocks';
import { garments } from 'vgg-blocks/data';
import { encodePng } from 'vgg-blocks/images';
import { writeFileAtomic } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { randomOf } from './random.js';
import { sceneNetwork } from './sceneNetwork.js';
import { SIZE, scene } from './scenes.js';

const [out = 'docs/figures/class-map.svg'] = process.argv.slice(2);
const [COLUMNS, ROWS] = [5, 3];
/** A garment stands somewhere in a cell, and windows reach beyond the outermost ones by half of their size. */
const CELL = 64;
const GARMENT = 28;
const MARGIN = SIZE / 2;
const [WIDTH, HEIGHT] = [COLUMNS * CELL + 2 * MARGIN, ROWS * CELL + 2 * MARGIN];
const SCALE = 2;
const COLORS = [
  '#e6194b',
  '#ffe119',
  '#3cb44b',
  '#42d4f4',
  '#f58231',
  '#911eb4',
  '#f032e6',
  '#bfef45',
  '#ffffff',
  '#4363d8',
];

installWasmKernels();
await setBackend('wasm');
const sets = garments();
const model = await sceneNetwork(sets, 'runs/gallery');
const random = randomOf(3);
const shown = Array.from({ length: COLUMNS * ROWS }, (_, i) => {
  const cell = [i % COLUMNS, Math.floor(i / COLUMNS)];
  const [left, top] = cell.map((at) => MARGIN + at * CELL + (CELL - GARMENT) * (0.25 + 0.5 * random()));
  return [Math.floor(random() * sets.testSet.length), [left!, top!]] as const;
});
const data = scene(sets.testSet, shown, random, { width: WIDTH, height: HEIGHT });

const network = fullyConvolutional(model);
const x = tensor4d(
  Float32Array.from(data, (byte) => byte / 255),
  [1, HEIGHT, WIDTH, 3],
);
const map = tidy(() => softmax(network.predict(x) as Tensor));
const [, rows, columns, classes] = map.shape as [number, number, number, number];
const probabilities = await map.data<'float32'>();
const step = (WIDTH - SIZE) / (columns - 1);

const marks: string[] = [];
for (let row = 0; row < rows; row++) {
  for (let column = 0; column < columns; column++) {
    const at = (row * columns + column) * classes;
    const own = [...probabilities.subarray(at, at + classes)];
    const best = own.indexOf(Math.max(...own));
    const center = [SIZE / 2 + column * step, SIZE / 2 + row * step].map((pixel) => (pixel - MARGIN) * SCALE);
    marks.push(
      `<circle cx="${center[0]}" cy="${center[1]}" r="${(9 * own[best]! ** 2).toFixed(1)}" fill="${COLORS[best]}"/>`,
    );
  }
}
const [width, height] = [COLUMNS * CELL * SCALE, ROWS * CELL * SCALE];
const png = `data:image/png;base64,${Buffer.from(await encodePng({ data, width: WIDTH, height: HEIGHT })).toString('base64')}`;
const names = sets.testSet.classNames.map((name, i) => {
  const [left, top] = [12 + (i % 5) * (width / 5), height + 24 + 24 * Math.floor(i / 5)];
  return `<circle cx="${left}" cy="${top}" r="7" fill="${COLORS[i]}" stroke="#888"/><text x="${left + 13}" y="${top + 4.5}">${name}</text>`;
});
await writeFileAtomic(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height + 60}" font-family="system-ui, sans-serif" font-size="13" fill="#666"><title>The most probable class at each position of the class map of a scene with ${shown.length} garments</title>
<clipPath id="scene"><rect width="${width}" height="${height}"/></clipPath>
<g clip-path="url(#scene)"><image href="${png}" x="${-MARGIN * SCALE}" y="${-MARGIN * SCALE}" width="${WIDTH * SCALE}" height="${HEIGHT * SCALE}"/>
<g stroke="#000" stroke-opacity="0.5" fill-opacity="0.85">${marks.join('')}</g></g>
${names.join('')}
</svg>
`,
);
const right = shown.filter(([index, [left, top]]) => {
  // The position whose window is around the garment.
  const [column, row] = [left, top].map((start) => Math.round((start + GARMENT / 2 - SIZE / 2) / step));
  const at = (row! * columns + column!) * classes;
  const own = [...probabilities.subarray(at, at + classes)];
  return own.indexOf(Math.max(...own)) === sets.testSet.labels[index];
});
console.log(
  `a map of ${columns}x${rows} positions, ${step} pixels apart; ${right.length} of ${shown.length} garments are recognized`,
);
