import { checkArguments, LIST, optionsOf } from '../base/arguments.js';
import { fail, MAX_SIDE, wholeNumber } from '../base/check.js';
import { type ImageInput, type RawImage, toRgb } from './pixels.js';

/** The most pixels of a grid, 300 MB. */
const MAX_PIXELS = 100_000_000;

/** Layout of small images in rows. */
export interface GridOptions {
  /** Images per row. Default: enough to make the grid about square. */
  columns?: number;
  /** Pixels between two images. Default 1. */
  padding?: number;
  /** Pixels per side of the square that shows each value. Default: enough to make an image at least 48 pixels wide. */
  scale?: number;
}

/**
 * Images of one size side by side, such as those of several filters.
 *
 * @returns RGB; the gaps between images are white.
 * @throws RangeError when there is none, their sizes differ, one cannot be read, or an option is out of range.
 * @example
 * const images = [await visualize(model, 'conv5_3', 0), await visualize(model, 'conv5_3', 1)];
 * await writeImage('filters.png', await imageGrid(images));
 */
export async function imageGrid(images: readonly ImageInput[], options: GridOptions = {}): Promise<RawImage> {
  const where = 'imageGrid';
  checkArguments(where, { images }, { images: LIST });
  const layout = optionsOf(where, options, { columns: 1, padding: 1, scale: 1 });
  const all = await Promise.all(images.map((image) => toRgb(image, where)));
  const [first] = all;
  if (!first) return fail(where, 'there are no images; pass at least one.');
  const { width, height } = first;
  const other = all.find((one) => one.width !== width || one.height !== height);
  if (other) {
    fail(
      where,
      `one image is ${width}x${height} and another ${other.width}x${other.height}; pass images of one size.`,
    );
  }
  const tiles = all.map(({ data }) => new Uint8ClampedArray(data.buffer, data.byteOffset, data.length));
  return grid(where, tiles, first, layout);
}

/** Lays out tiles of the same size in rows on white, each pixel enlarged to a square. */
export function grid(
  where: string,
  tiles: readonly Uint8ClampedArray[],
  { width, height }: { width: number; height: number },
  {
    columns: across = Math.ceil(Math.sqrt(tiles.length)),
    padding = 1,
    scale = Math.max(1, Math.ceil(48 / width)),
  }: GridOptions,
): RawImage {
  wholeNumber(where, 'columns', across);
  wholeNumber(where, 'padding', padding, 0, MAX_SIDE);
  wholeNumber(where, 'scale', scale, 1, MAX_SIDE);
  const bytes = tiles[0]!.length / (width * height);
  const rows = Math.ceil(tiles.length / across);
  const size = {
    width: Math.min(across, tiles.length) * (width * scale + padding) - padding,
    height: rows * (height * scale + padding) - padding,
  };
  if (size.width * size.height > MAX_PIXELS) {
    fail(
      where,
      `the grid would be ${size.width}x${size.height}, more than ${MAX_PIXELS} pixels; use a smaller scale or padding, or fewer images.`,
    );
  }
  const data = new Uint8ClampedArray(size.width * size.height * bytes).fill(255);
  for (const [i, tile] of tiles.entries()) {
    const left = (i % across) * (width * scale + padding);
    const top = Math.floor(i / across) * (height * scale + padding);
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const from = bytes * (Math.floor(y / scale) * width + Math.floor(x / scale));
        data.set(tile.subarray(from, from + bytes), bytes * ((top + y) * size.width + left + x));
      }
    }
  }
  return { data, ...size };
}
