import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { GARMENT_NAMES, garments, ImageSet } from 'vgg-blocks/data';

/** Height and width of a garment. */
const SIZE = 28;

/** Garments of the given kinds in color, `[28, 28, 3]`, each on a background of another color. */
export function colorGarments(kinds: readonly number[], count: number, seed: number): ImageSet {
  // garments() draws every kind equally often.
  const { trainSet: grey } = garments({
    trainImages: Math.ceil((count * GARMENT_NAMES.length) / kinds.length),
    testImages: 0,
    seed,
  });
  const random = numbers(seed);
  const chosen = [...grey.labels.keys()].filter((i) => kinds.includes(grey.labels[i]!)).slice(0, count);
  const images = new Uint8Array(chosen.length * SIZE * SIZE * 3);
  chosen.forEach((index, position) => {
    const [dye, background] = [color(random), color(random)];
    const pixels = grey.images.subarray(index * SIZE * SIZE, (index + 1) * SIZE * SIZE);
    pixels.forEach((shade, i) => {
      const cover = Math.min(1, shade / 50);
      for (let c = 0; c < 3; c++) {
        images[3 * (position * SIZE * SIZE + i) + c] =
          cover * dye[c]! * (0.3 + (0.7 * shade) / 255) + (1 - cover) * background[c]!;
      }
    });
  });
  return new ImageSet({
    images,
    labels: Uint8Array.from(chosen, (index) => kinds.indexOf(grey.labels[index]!)),
    shape: [SIZE, SIZE, 3],
    classNames: kinds.map((kind) => GARMENT_NAMES[kind]!),
  });
}

/** Writes images as PNG and JPEG files of many sizes, one folder per class, and some files that cannot be read. */
export async function writeFolder(folder: string, set: ImageSet, seed: number): Promise<void> {
  const random = numbers(seed);
  const size = SIZE * SIZE * 3;
  for (let i = 0; i < set.length; i++) {
    const [width, height] = [40 + Math.floor(100 * random()), 40 + Math.floor(100 * random())];
    const image = sharp(set.images.subarray(i * size, (i + 1) * size), {
      raw: { width: SIZE, height: SIZE, channels: 3 },
    }).resize(Math.max(width, height), Math.max(width, height), { kernel: 'cubic' });
    const path = join(folder, set.classNames[set.labels[i]!]!, `${String(i).padStart(4, '0')}`);
    await mkdir(dirname(path), { recursive: true });
    if (i % 2) await image.png().toFile(`${path}.png`);
    else await image.jpeg({ quality: 90 }).toFile(`${path}.jpg`);
  }
  const [first, second] = set.classNames as [string, string];
  const whole = await sharp(Buffer.alloc(3 * 64 * 64, 90), { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toBuffer();
  await writeFile(join(folder, first, 'cut-off.png'), whole.subarray(0, 100));
  await writeFile(join(folder, first, 'empty.jpg'), '');
  await writeFile(join(folder, second, 'notes.txt'), 'the boots are in the other folder\n');
}

/** A random color, not too dark. */
function color(random: () => number): number[] {
  return [0, 1, 2].map(() => 30 + 225 * random());
}

/** Random numbers from 0 to 1 that depend on the seed alone (Lehmer's generator). */
function numbers(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
