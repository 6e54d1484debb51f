import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type Convolution, productOf } from './convolution.js';
import { layoutFor, multiplyInTiles } from './multiply.js';
import type { Tile } from './product.js';
import { rotateFilter, rotatesFirst } from './rotateFilter.js';
import type { Tools } from './run.js';
import { type WinogradVariant, winograd, winogradVariants } from './winograd.js';

/** Where Winograd's algorithm is chosen without a trial, if it may be: from so many channels on both sides, and pixels. */
const WINOGRAD = { channels: 64, pixels: 4096 };

/** Winograd's algorithm, or without `outputs` a product in tiles. */
type Variant = WinogradVariant | { outputs?: undefined; tile: Tile };

/** Computes a convolution in the way that is the fastest: as a product in tiles, or by Winograd's algorithm where that is allowed. */
export function convolve(tools: Omit<Tools, 'halfWeights'>, convolution: Convolution): TensorInfo {
  const { backend, tuner, forms, allowsWinograd } = tools;
  const product = productOf(convolution);
  // Winograd's algorithm transforms the filter itself.
  if (convolution.rotated && !allowsWinograd && rotatesFirst(product)) {
    const filter = rotateFilter(backend, convolution.filter);
    try {
      return convolve(tools, { ...convolution, filter, rotated: false });
    } finally {
      backend.disposeData(filter.dataId);
    }
  }
  const layout = layoutFor(product);
  const tiles: Variant[] = layout.tiles.map((tile) => ({ tile }));
  const others = allowsWinograd ? winogradVariants(backend, convolution) : [];
  const isFirst =
    Math.min(convolution.x.shape[3]!, product.columns) >= WINOGRAD.channels &&
    product.rows >= WINOGRAD.pixels;
  const variants = isFirst ? [...others, ...tiles] : [...tiles, ...others];
  const key = `${product.name} ${product.rows}${allowsWinograd ? ' or Winograd' : ''}`;
  return tuner.run(backend, key, variants, (variant) =>
    variant.outputs
      ? winograd(backend, forms, convolution, variant)
      : multiplyInTiles(backend, product, variant.tile, layout.parts),
  );
}
