import { wholeNumber } from '../base/check.js';
import type { RawImage } from './pixels.js';

/** Layout of small images in rows. */
export interface GridOptions {
  /** Images per row. Default: enough to make the grid about square. */
  columns?: number;
  /** Pixels between two images. Default 1. */
  padding?: number;
  /** Pixels per side of the square that shows each value. Default: enough to make an image at least 48 pixels wide. */
  scale?: number;
}

/** Lays out tiles of the same size in rows on white, each pixel enlarged to a square. */
export function grid(
  where: string,
  tiles: readonly Uint8ClampedArray[],
  { width, height }: { width: number; height: number },
  { columns, padding = 1, scale = Math.max(1, Math.ceil(48 / width)) }: GridOptions,
): RawImage {
  const across = wholeNumber(where, 'columns', columns ?? Math.ceil(Math.sqrt(tiles.length)));
  wholeNumber(where, 'padding', padding, 0);
  wholeNumber(where, 'scale', scale);
  const bytes = tiles[0]!.length / (width * height);
  const rows = Math.ceil(tiles.length / across);
  const size = {
    width: Math.min(across, tiles.length) * (width * scale + padding) - padding,
    height: rows * (height * scale + padding) - padding,
  };
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
