import { reshape, type Tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { COUNT, checkArguments, listOf, MODEL, optionsOf, TENSOR } from '../../base/arguments.js';
import { fail, keyOf, oneOf, shown } from '../../base/check.js';
import { COLOR_TABLES, type ColorMap, colored } from '../../images/colorMap.js';
import { type GridOptions, grid } from '../../images/grid.js';
import { checkFinite } from '../../images/heatMap.js';
import type { RawImage } from '../../images/index.js';
import { checkNumbers } from '../../tfjs/disposed.js';
import { floats } from '../../tfjs/floats.js';
import { layersWithin } from '../../tfjs/models.js';
import { onBackend } from '../../tfjs/onBackend.js';

/** Options of {@link featureMapGrid}. */
export interface FeatureMapOptions extends GridOptions {
  /** Channels, in this order. Default: the first 64. */
  channels?: readonly number[];
  /** Default `'viridis'`. */
  colorMap?: ColorMap;
  /**
   * `'map'`, the default, scales the colors to each map's own range; `'all'` to the range of all maps, which tells strong maps
   * from weak ones.
   */
  normalize?: 'map' | 'all';
}

/**
 * Feature maps side by side, one image per channel.
 *
 * @param features `[height, width, channels]` or `[1, height, width, channels]`, as a `featureExtractor` returns them; the
 *   caller disposes it.
 * @returns RGB, or one byte a pixel for `'gray'`; the gaps between images are white.
 * @throws RangeError when the tensor has another shape or numbers that are not finite, there is no such channel, or an option is out of range.
 * @example
 * const maps = featureExtractor(model, 'relu1_2').predict(x) as Tensor;
 * const image = await featureMapGrid(maps, { columns: 8 });
 */
export async function featureMapGrid(features: Tensor, options: FeatureMapOptions = {}): Promise<RawImage> {
  checkArguments('featureMapGrid', { features }, { features: TENSOR });
  const {
    channels,
    colorMap = 'viridis',
    normalize = 'map',
    ...layout
  } = optionsOf('featureMapGrid', options, {
    channels: listOf(COUNT, 'a list of channels'),
    colorMap: 1,
    normalize: 1,
    columns: 1,
    padding: 1,
    scale: 1,
  });

  keyOf('featureMapGrid', 'colorMap', colorMap, COLOR_TABLES);
  oneOf('featureMapGrid', 'normalize', normalize, ['map', 'all']);
  const shape =
    features.shape.length === 4 && features.shape[0] === 1 ? features.shape.slice(1) : features.shape;
  const [height, width, depth] = shape as [number, number, number];
  if (shape.length !== 3 || features.size === 0) {
    fail(
      'featureMapGrid',
      `the features have shape [${features.shape}]; pass [height, width, channels] of one image, each at least 1.`,
    );
  }
  const wanted = channels ?? Array.from({ length: Math.min(64, depth) }, (_, i) => i);
  const stray = wanted.find((channel) => !Number.isInteger(channel) || channel < 0 || channel >= depth);
  if (stray !== undefined || wanted.length === 0) {
    fail(
      'featureMapGrid',
      `channels is ${shown(wanted)}; pass one or more of the ${depth} channels, 0 to ${depth - 1}.`,
    );
  }
  const planes = onBackend('featureMapGrid', () =>
    tidy(() => transpose(reshape(floats(features), [height, width, depth]), [2, 0, 1])),
  );
  const values = await planes.data<'float32'>().finally(() => planes.dispose());
  const maps = wanted.map((channel) =>
    values.slice(channel * height * width, (channel + 1) * height * width),
  );
  for (const map of maps) checkFinite('featureMapGrid', 'tensor', map);
  const shared = normalize === 'all' ? rangeOf(maps) : undefined;
  const tiles = maps.map((map) => colored(levelsOf(map, shared ?? rangeOf([map])), colorMap));
  return grid('featureMapGrid', tiles, { width, height }, layout);
}

/**
 * The kernels of a network's first convolution side by side, in order, each as an image of the colors it responds to. Gray is
 * zero, and all kernels share one scale.
 *
 * @returns RGB for networks of three input channels, otherwise gray: the first channel.
 * @throws RangeError when the model has no convolution, the kernel has numbers that are not finite, or an option is out of range.
 */
export async function kernelGrid(model: LayersModel, layout: GridOptions = {}): Promise<RawImage> {
  checkArguments('kernelGrid', { model }, { model: MODEL });
  optionsOf('kernelGrid', layout, { columns: 1, padding: 1, scale: 1 });

  checkNumbers('kernelGrid', model);
  const layer = layersWithin(model).find((one) => one.getClassName() === 'Conv2D');
  if (!layer) fail('kernelGrid', 'the model has no convolution; pass one with a convolution.');
  const kernel = layer.getWeights()[0]!;
  const [height, width, channels, filters] = kernel.shape as [number, number, number, number];
  const values = await kernel.data<'float32'>();
  checkFinite('kernelGrid', `kernel of ${layer.name}`, values);
  const largest = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  const colors = channels === 3 ? 3 : 1;
  const tiles = Array.from({ length: filters }, (_, filter) =>
    Uint8ClampedArray.from({ length: height * width * colors }, (_, i) => {
      const [position, channel] = [Math.floor(i / colors), i % colors];
      return 127.5 + (127.5 * values[(position * channels + channel) * filters + filter]!) / largest;
    }),
  );
  return grid('kernelGrid', tiles, { width, height }, layout);
}

type Range = readonly [minimum: number, maximum: number];

function rangeOf(maps: readonly Float32Array[]): Range {
  let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const map of maps) {
    for (const value of map) {
      minimum = Math.min(minimum, value);
      maximum = Math.max(maximum, value);
    }
  }
  return [minimum, maximum];
}

/** Scales values to levels from 0 to 1; those of a constant map are 0. */
function levelsOf(map: Float32Array, [minimum, maximum]: Range): Float32Array {
  return map.map((value) => (maximum > minimum ? (value - minimum) / (maximum - minimum) : 0));
}
