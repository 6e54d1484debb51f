import { reshape, type Tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf, wholeNumber } from '../../base/check.js';
import { COLOR_MAPS, type ColorMap, colored } from '../../images/colorMap.js';
import type { RawImage } from '../../images/index.js';
import { layersWithin } from '../../tfjs/models.js';

/** How small pictures are laid out in rows. */
export interface GridOptions {
  /** Pictures in a row. Default: as many as make the whole about square. */
  columns?: number;
  /** Pixels between two pictures. Default 1. */
  padding?: number;
  /** The side of the square of pixels that each value is shown as. Default: what makes a picture at least 48 pixels wide. */
  scale?: number;
}

/** Options of {@link featureMapGrid}. */
export interface FeatureMapOptions extends GridOptions {
  /** Which channels, in this order. Default: the first 64. */
  channels?: readonly number[];
  /** Default `'viridis'`. */
  colorMap?: ColorMap;
  /**
   * Whether each map has the whole range of colours, from its least to its greatest value (`'map'`, the default), or all
   * share one (`'all'`), so that strong maps tell from weak ones.
   */
  normalize?: 'map' | 'all';
}

/**
 * Feature maps side by side, a picture a channel.
 *
 * @param features `[height, width, channels]` or `[1, height, width, channels]`, as `featureExtractor` gives them; stays the
 *   caller's.
 * @returns RGB, or one byte a pixel for `'grey'`; what is between the pictures is white.
 * @throws RangeError when the tensor has another shape, there is no such channel, or an option is out of range.
 * @example
 * const maps = featureExtractor(model, 'relu1_2').predict(x) as Tensor;
 * const image = await featureMapGrid(maps, { columns: 8 });
 */
export async function featureMapGrid(
  features: Tensor,
  { channels, colorMap = 'viridis', normalize = 'map', ...layout }: FeatureMapOptions = {},
): Promise<RawImage> {
  oneOf('featureMapGrid', 'colorMap', colorMap, COLOR_MAPS);
  oneOf('featureMapGrid', 'normalize', normalize, ['map', 'all']);
  const shape =
    features.shape.length === 4 && features.shape[0] === 1 ? features.shape.slice(1) : features.shape;
  const [height, width, depth] = shape as [number, number, number];
  if (shape.length !== 3) {
    fail(
      'featureMapGrid',
      `the features have shape [${features.shape}]; give [height, width, channels] of one picture.`,
    );
  }
  const wanted = channels ?? Array.from({ length: Math.min(64, depth) }, (_, i) => i);
  const stray = wanted.find((channel) => !Number.isInteger(channel) || channel < 0 || channel >= depth);
  if (stray !== undefined || wanted.length === 0) {
    fail(
      'featureMapGrid',
      `channels is [${wanted}]; give one or more of the ${depth} channels, 0 to ${depth - 1}.`,
    );
  }
  const planes = tidy(() => transpose(reshape(features, [height, width, depth]), [2, 0, 1]));
  const values = await planes.data<'float32'>().finally(() => planes.dispose());
  const maps = wanted.map((channel) =>
    values.slice(channel * height * width, (channel + 1) * height * width),
  );
  const shared = normalize === 'all' ? rangeOf(maps) : undefined;
  const tiles = maps.map((map) => colored(levelsOf(map, shared ?? rangeOf([map])), colorMap));
  return grid('featureMapGrid', tiles, { width, height }, layout);
}

/**
 * The kernels of a network's first convolution side by side, each as a picture of the colours that it answers to: grey is
 * zero, and one scale serves them all, so that strong kernels tell from weak ones. They come in their order.
 *
 * @returns RGB for networks of three channels, otherwise grey: the first channel.
 * @throws RangeError when the model has no convolution, or an option is out of range.
 */
export async function kernelGrid(model: LayersModel, layout: GridOptions = {}): Promise<RawImage> {
  const layer = layersWithin(model).find((one) => one.getClassName() === 'Conv2D');
  if (!layer) fail('kernelGrid', 'the model has no convolution; give one that has.');
  const kernel = layer.getWeights()[0]!;
  const [height, width, channels, filters] = kernel.shape as [number, number, number, number];
  const values = await kernel.data<'float32'>();
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const shown = channels === 3 ? 3 : 1;
  const tiles = Array.from({ length: filters }, (_, filter) =>
    Uint8ClampedArray.from({ length: height * width * shown }, (_, i) => {
      const [place, channel] = [Math.floor(i / shown), i % shown];
      return 127.5 + (127.5 * values[(place * channels + channel) * filters + filter]!) / largest;
    }),
  );
  return grid('kernelGrid', tiles, { width, height }, layout);
}

type Range = readonly [least: number, greatest: number];

function rangeOf(maps: readonly Float32Array[]): Range {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const map of maps) {
    for (const value of map) {
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
  }
  return [least, greatest];
}

/** Values from 0 to 1; those of a map that is the same everywhere are 0, and so is what is no number. */
function levelsOf(map: Float32Array, [least, greatest]: Range): Float32Array {
  return map.map((value) => (greatest > least ? (value - least) / (greatest - least) || 0 : 0));
}

/** Lays tiles of one size out in rows, each pixel enlarged to a square, on white. */
function grid(
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
