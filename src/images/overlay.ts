import { fail, oneOf, wholeNumber } from '../base/check.js';
import { COLOR_MAPS, type ColorMap, colored, colorTable } from './colorMap.js';
import { type HeatMap, type Samples, samplesOf, scaled } from './heatMap.js';
import { type ImageInput, type RawImage, type RgbImage, toRgb } from './pixels.js';
import { resizeBilinear } from './resize.js';

/** How a heat map is shown. */
interface HeatOptions {
  colorMap?: ColorMap;
  /**
   * The share of the map's places that lie below the full colour, above 0 and up to 1, the default. A few pixels of a
   * saliency map are far above the others; 0.99 lets these be seen.
   */
  clip?: number;
}

/** Options of {@link overlay}. */
export interface OverlayOptions extends HeatOptions {
  /** Default `'turbo'`, whose hues stand out from a photograph's. */
  colorMap?: ColorMap;
  /** How much of the colour is seen, 0 to 1. Default 0.5. */
  opacity?: number;
  /** The longer side of what comes back, at most: a larger picture is made smaller. Default: the picture's own. */
  maxSide?: number;
}

/**
 * Lays a heat map over its picture: enlarged to the part of the picture that the network saw (bilinear, as the paper does
 * it), in colours. What the network did not see, because the recipe cut it off, stays as it is, but darker.
 *
 * @param picture the one that the map was computed from, or, for a map of a tensor, any that shows the same.
 * @returns RGB, of the picture's size.
 * @throws RangeError when an option is out of range, or the picture cannot be read.
 */
export async function overlay(
  picture: ImageInput,
  map: HeatMap,
  { colorMap = 'turbo', opacity = 0.5, clip = 1, maxSide }: OverlayOptions = {},
): Promise<RawImage> {
  checkHeat('overlay', map, colorMap, clip);
  if (!(opacity >= 0 && opacity <= 1)) fail('overlay', `opacity is ${opacity}; it must be from 0 to 1.`);
  const whole = await toRgb(picture, 'overlay');
  const { data, width, height } = fitted(whole, maxSide);
  const { left, top, ...seen } = map.region ?? { left: 0, top: 0, width: whole.width, height: whole.height };
  const across = width / whole.width;
  const down = height / whole.height;
  const columns = samplesOf(width, left * across, seen.width * across, map.width);
  const rows = samplesOf(height, top * down, seen.height * down, map.height);
  const levels = scaled(map.values, clip);
  const table = colorTable(colorMap);
  const pixels = new Uint8ClampedArray(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const seen = rows.first[y]! >= 0 && columns.first[x]! >= 0;
      const colour = seen ? 3 * Math.round(255 * levelAt(levels, map.width, columns, x, rows, y)) : 0;
      for (let k = 0; k < 3; k++, to++) {
        pixels[to] = seen ? data[to]! + opacity * (table[colour + k]! - data[to]!) : UNSEEN * data[to]!;
      }
    }
  }
  return { data: pixels, width, height };
}

/** The brightness of what a network did not see. */
const UNSEEN = 0.4;

/**
 * A heat map by itself, in colours, at its own size or another.
 *
 * @param options `width` and `height` in pixels, default the map's; `colorMap`, default `'inferno'`.
 * @returns RGB, or one byte a pixel for `'grey'`.
 */
export function heatMapImage(
  map: HeatMap,
  {
    colorMap = 'inferno',
    clip = 1,
    width = map.width,
    height = map.height,
  }: HeatOptions & { width?: number; height?: number } = {},
): RawImage {
  checkHeat('heatMapImage', map, colorMap, clip);
  wholeNumber('heatMapImage', 'width', width);
  wholeNumber('heatMapImage', 'height', height);
  const columns = samplesOf(width, 0, width, map.width);
  const rows = samplesOf(height, 0, height, map.height);
  const levels = scaled(map.values, clip);
  const shown = new Float32Array(width * height);
  for (let i = 0; i < shown.length; i++) {
    shown[i] = levelAt(levels, map.width, columns, i % width, rows, Math.floor(i / width));
  }
  return { data: colored(shown, colorMap), width, height };
}

function checkHeat(
  where: string,
  { values, width, height }: HeatMap,
  colorMap: ColorMap,
  clip: number,
): void {
  oneOf(where, 'colorMap', colorMap, COLOR_MAPS);
  if (!(clip > 0 && clip <= 1)) fail(where, `clip is ${clip}; it must be above 0 and at most 1.`);
  if (values.length !== width * height) {
    fail(where, `the map has ${values.length} values for ${width}x${height} places; give one for each.`);
  }
}

function fitted(picture: RgbImage, maxSide: number | undefined): RgbImage {
  if (maxSide === undefined) return picture;
  const share = wholeNumber('overlay', 'maxSide', maxSide) / Math.max(picture.width, picture.height);
  if (share >= 1) return picture;
  const side = (length: number) => Math.max(1, Math.round(length * share));
  return resizeBilinear(picture, side(picture.width), side(picture.height));
}

/** A map's level at a pixel: of the four places around it, each by how near it is. */
function levelAt(
  levels: Float32Array,
  width: number,
  columns: Samples,
  x: number,
  rows: Samples,
  y: number,
): number {
  const [left, right, across] = [columns.first[x]!, columns.second[x]!, columns.share[x]!];
  const along = (row: number) =>
    levels[row * width + left]! * (1 - across) + levels[row * width + right]! * across;
  return along(rows.first[y]!) * (1 - rows.share[y]!) + along(rows.second[y]!) * rows.share[y]!;
}
