import type { ConvInfo } from './run.js';

/** The side of the tiles of outputs that Winograd's minimal filtering computes, or 0 for plain sums. */
export type TileSize = 0 | 2 | 4;

/** Channels from which on tiles are faster than plain sums. */
const MIN_CHANNELS = 8;

/** Weights of one tap from which on the gradient of a filter is computed by tiles. */
const MIN_WEIGHTS = 512;

/**
 * How a convolution is computed: by F(4x4, 3x3), but by F(2x2, 3x3) where larger tiles would reach so far over the
 * edges that they take more products, as on maps of 2x2. Measured in README.md.
 */
export function tileSize(info: ConvInfo): TileSize {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const fits = filterHeight === 3 && filterWidth === 3 && strideHeight === 1 && strideWidth === 1;
  if (!fits || inChannels % 4 > 0 || outChannels % 4 > 0) return 0;
  if (Math.min(inChannels, outChannels) < MIN_CHANNELS) return 0;
  const products = (size: number) =>
    Math.ceil(info.outHeight / size) * Math.ceil(info.outWidth / size) * (size + 2) ** 2;
  return products(4) <= products(2) ? 4 : 2;
}

/**
 * The same for the gradient with respect to the filter. In a narrow layer few examples may reach a weight, or none: its
 * gradient is exactly 0 then. Tiles would round it to 1e-9 or so, of which an optimizer that divides by a gradient's
 * own size, like Adam, makes a step. So narrow layers take plain sums, which they can afford.
 */
export function gradientTileSize(info: ConvInfo): TileSize {
  return info.inChannels * info.outChannels < MIN_WEIGHTS ? 0 : tileSize(info);
}
