import { optionsOf } from '../base/arguments.js';
import { fail, keyOf, MAX_SIDE, numberThat, oneOf, shown, wholeNumber } from '../base/check.js';
import { COLOR_TABLES, type ColorMap, colored, colorTable } from './colorMap.js';
import { fittedSize, type Region } from './geometry.js';
import { checkHeatMap, enlarged, keptMap, quantileOf, type ValueMap } from './heatMap.js';
import { withLegend } from './legend.js';
import { type ImageInput, type RawImage, type RgbImage, toRgb } from './pixels.js';
import { resizeBilinear } from './resize.js';

/** Colors of a heat map. */
interface HeatOptions {
  colorMap?: ColorMap;
  /**
   * The quantile of the map's values that gets the full color, above 0 and at most 1. Default 1, the maximum. A few pixels of a
   * saliency map far exceed the others; 0.99 makes the others visible.
   */
  clip?: number;
  /**
   * The value that gets the full color, instead of the quantile `clip`: maps drawn with the same one can be compared. Values above it
   * get the full color too.
   */
  full?: number;
}

/** Options of {@link overlay}. */
export interface OverlayOptions extends HeatOptions {
  /** Default `'turbo'`, whose hues stand out against a photograph. */
  colorMap?: ColorMap;
  /** Opacity of the colors, 0 to 1. Default 0.5. */
  opacity?: number;
  /** Maximum longer side of the result in pixels; a larger image is shrunk. Default: no limit. */
  maxSide?: number;
  /** Adds a bar below the image: its colors, and the values of both ends. Default false. */
  legend?: boolean;
}

/** Brightness of the parts that a network did not see. */
const UNSEEN = 0.4;

/**
 * Lays a heat map over its image in color, enlarged bilinearly to the part of the image that the network saw. The rest, cut off
 * by preprocessing, is darkened.
 *
 * @param image the image that the map was computed from; for a map of a tensor, any image that shows the same.
 * @returns RGB, of the image's size, or higher with a legend.
 * @throws RangeError when an option is out of range, the image cannot be read, or the map has values that are not finite or a region
 *   outside of the image.
 */
export async function overlay(
  image: ImageInput,
  map: ValueMap,
  options: OverlayOptions = {},
): Promise<RawImage> {
  const kept = keptMap('overlay', map);
  const {
    colorMap = 'turbo',
    opacity = 0.5,
    maxSide,
    legend = false,
  } = optionsOf('overlay', options, { colorMap: 1, opacity: 1, maxSide: 1, legend: 1, clip: 1, full: 1 });

  const full = fullOf('overlay', kept, colorMap, options);
  oneOf('overlay', 'legend', legend, [true, false]);
  numberThat('overlay', 'opacity', opacity, (value) => value >= 0 && value <= 1, 'from 0 to 1');
  const whole = await toRgb(image, 'overlay');
  const fit = fitted(whole, maxSide);
  if (kept.region) checkRegion(kept.region, whole);
  const { left, top, ...seen } = kept.region ?? { left: 0, top: 0, width: whole.width, height: whole.height };
  const [across, down] = [fit.width / whole.width, fit.height / whole.height];
  const levels = enlarged(kept, full, fit, {
    left: left * across,
    top: top * down,
    width: seen.width * across,
    height: seen.height * down,
  });
  const table = colorTable(colorMap);
  const pixels = new Uint8ClampedArray(fit.data.length);
  fit.data.forEach((byte, i) => {
    const level = levels[Math.floor(i / 3)]!;
    const at = 3 * Math.round(255 * level) + (i % 3);
    pixels[i] = level < 0 ? UNSEEN * byte : byte + opacity * (table[at]! - byte);
  });
  const drawn = { data: pixels, width: fit.width, height: fit.height };
  return legend ? withLegend(drawn, table, full) : drawn;
}

/**
 * Renders a heat map as an image, at its own size or another.
 *
 * @param options `width` and `height` in pixels, default the map's; `colorMap`, default `'inferno'`.
 * @returns RGB, or one byte a pixel for `'gray'`.
 */
export function heatMapImage(
  map: ValueMap,
  options: HeatOptions & { width?: number; height?: number } = {},
): RawImage {
  checkHeatMap('heatMapImage', map);
  const {
    colorMap = 'inferno',
    width = map.width,
    height = map.height,
  } = optionsOf('heatMapImage', options, { colorMap: 1, clip: 1, full: 1, width: 1, height: 1 });

  const full = fullOf('heatMapImage', map, colorMap, options);
  wholeNumber('heatMapImage', 'width', width, 1, MAX_SIDE);
  wholeNumber('heatMapImage', 'height', height, 1, MAX_SIDE);
  const levels = enlarged(map, full, { width, height }, { left: 0, top: 0, width, height });
  return { data: colored(levels, colorMap), width, height };
}

/** Throws unless a region is a part of the image; what rounding adds is no matter. */
function checkRegion({ left, top, width, height }: Region, image: RgbImage): void {
  const isWithin = (start: number, length: number, all: number) =>
    length > 0 && start > -1e-6 && start + length < all + 1e-6;
  if (isWithin(left, width, image.width) && isWithin(top, height, image.height)) return;
  fail(
    'overlay',
    `map.region is ${width}x${height} at (${left}, ${top}), which is not a part of the image of ${image.width}x${image.height}; pass the image that the map was computed from.`,
  );
}

/** The value that gets the full color. */
function fullOf(
  where: string,
  { values }: ValueMap,
  colorMap: ColorMap,
  { clip = 1, full }: HeatOptions,
): number {
  keyOf(where, 'colorMap', colorMap, COLOR_TABLES);
  numberThat(where, 'clip', clip, (value) => value > 0 && value <= 1, 'above 0 and at most 1');
  if (full === undefined) return quantileOf(values, clip);
  if (clip !== 1) fail(where, `clip is ${clip} and full ${shown(full)}; pass one of them.`);
  return numberThat(where, 'full', full, (value) => value > 0 && value < Number.POSITIVE_INFINITY, 'above 0');
}

function fitted(image: RgbImage, maxSide: number | undefined): RgbImage {
  if (
    maxSide === undefined ||
    wholeNumber('overlay', 'maxSide', maxSide) >= Math.max(image.width, image.height)
  ) {
    return image;
  }
  const { width, height } = fittedSize(image, maxSide);
  return resizeBilinear(image, width, height);
}
