/**
 * Draws docs/figures/lpips: an image, the same one with three changes, and the map of their LPIPS distance.
 *
 *     npm run example -- examples/image-distance.ts [output folder] [vgg16.safetensors]
 *
 * Without a weight file the VGG-16 has random weights, which show where two images differ, but not how much that matters to people.
 */
import '@tensorflow/tfjs-backend-wasm';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import { VGG16, vgg } from 'vgg-blocks';
import { imageDistance } from 'vgg-blocks/features';
import { overlay, type RawImage } from 'vgg-blocks/images';
import { writeImage } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';
import { landscape } from './style/paintings.js';

const [out = 'docs/figures/lpips', weights] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
installWasmKernels();
await setBackend('wasm');
const model = weights
  ? (await fromWeights(weights, { includeTop: false })).model
  : vgg(VGG16, { inputShape: [null, null, 3], includeTop: false, initializer: 'heNormal', seed: 0 });
const before = landscape();
const after = changed(before);
const { distance, map } = await imageDistance(model, [before, after], { spatial: true });
await writeImage(join(out, 'before.png'), before);
await writeImage(join(out, 'after.png'), after);
await writeImage(join(out, 'map.png'), await overlay(after, map!, { legend: true }));
console.log(`LPIPS ${distance.toPrecision(3)}`);
model.dispose();

/** The landscape, everywhere a little darker, without one of the windows, and with a blurred tree. */
function changed({ data, width, height }: RawImage): RawImage {
  const next = data.map((byte) => Math.max(0, byte - 6));
  const row = 3 * width;
  const change = (
    left: number,
    top: number,
    right: number,
    bottom: number,
    value: (at: number) => number,
  ) => {
    const from = next.slice();
    for (let y = top; y < bottom; y++) {
      for (let at = y * row + 3 * left; at < y * row + 3 * right; at++) from[at] = value(at);
    }
    next.set(from);
  };
  // The wall's color goes on along a row.
  const [left, right] = [66, 88];
  change(left, 112, right, 136, (at) => {
    const [from, to] = [left, right].map((x) => next[at - (at % row) + 3 * x + (at % 3)]!);
    return Math.round(from! + ((to! - from!) * (Math.floor((at % row) / 3) - left)) / (right - left));
  });
  for (let times = 0; times < 12; times++) {
    change(140, 48, 224, 166, (at) =>
      Math.round((next[at - 3]! + next[at + 3]! + next[at - row]! + next[at + row]!) / 4),
    );
  }
  return { data: next, width, height };
}
