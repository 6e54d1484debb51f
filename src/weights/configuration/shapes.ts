import { layers } from '@tensorflow/tfjs-layers';
import { size } from '../../base/shapes.js';
import type { Fields } from './fields.js';
import { type Stage, spatial, unary } from './stage.js';

/** Layers that move, add or cut elements. */
export const SHAPE_LAYERS: Record<string, (fields: Fields) => Stage> = {
  ZeroPadding2D(fields) {
    const padding = borders(fields, 'padding');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.zeroPadding2d({ ...common, padding }), x),
    );
  },
  Cropping2D(fields) {
    const cropping = borders(fields, 'cropping');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.cropping2D({ ...common, cropping }), x),
    );
  },
  CenterCrop(fields) {
    const [height, width] = [fields.count('height'), fields.count('width')];
    return spatial(fields, (x, site) => {
      const sizes = x.shape.slice(1, 3).map((size, i) => (size ?? 0) - [height, width][i]!);
      if (sizes.some((size) => size < 0)) {
        fields.fail(
          `crops ${x.shape.slice(1, 3).join('x')} to ${height}x${width}, which is known to be a crop only for larger images of a fixed size; pass inputShape.`,
        );
      }
      const cropping = sizes.map((size) => [Math.floor(size / 2), size - Math.floor(size / 2)]) as [
        [number, number],
        [number, number],
      ];
      return site.apply('', (common) => layers.cropping2D({ ...common, cropping }), x);
    });
  },
  UpSampling2D(fields) {
    const size = fields.pair('size', 2);
    fields.only('interpolation', 'nearest');
    return spatial(fields, (x, site) =>
      site.apply('', (common) => layers.upSampling2d({ ...common, size }), x),
    );
  },
  Flatten(fields) {
    const first = fields.channelsFirst();
    return unary((x, site) => {
      // Keras moves the channels of a map to the end before it flattens.
      const rank = x.shape.length;
      if (rank === 2) return x;
      const dims = Array.from({ length: rank - 1 }, (_, i) => (i === rank - 2 ? 1 : i + 2));
      const last =
        first && rank > 2
          ? site.apply('_channels_last', (common) => layers.permute({ ...common, dims }), x)
          : x;
      return site.apply('', (common) => layers.flatten(common), last);
    });
  },
  Reshape(fields) {
    const target = fields.take('target_shape');
    if (!Array.isArray(target) || !target.every((one) => one === null || Number.isSafeInteger(one)))
      fields.refuse('target_shape', target, 'a list of whole numbers');
    const isOpen = (length: number | null) => length === null || length === -1;
    return unary((x, site) => {
      const [, ...own] = x.shape;
      // tfjs leaves an open length unknown, though the input has a fixed size.
      const rest = own.includes(null) ? null : size(own as number[]);
      const given = size((target as (number | null)[]).map((length) => (isOpen(length) ? 1 : length!)));
      const open = rest === null ? null : rest / given;
      const targetShape = (target as (number | null)[]).map((length) => (isOpen(length) ? open : length));
      return site.apply('', (common) => layers.reshape({ ...common, targetShape }), x);
    });
  },
  Permute(fields) {
    const dims = fields.take('dims');
    if (!Array.isArray(dims) || !dims.every(Number.isSafeInteger))
      fields.refuse('dims', dims, 'a list of whole numbers');
    return unary((x, site) =>
      site.apply('', (common) => layers.permute({ ...common, dims: dims as number[] }), x),
    );
  },
  RepeatVector(fields) {
    const n = fields.count('n');
    return unary((x, site) => site.apply('', (common) => layers.repeatVector({ ...common, n }), x));
  },
};

/** Rows or columns to add or to cut: top and bottom, left and right. */
function borders(fields: Fields, name: string): [[number, number], [number, number]] {
  const value = fields.take(name) ?? (name === 'padding' ? 1 : 0);
  const isLength = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= 0;
  const both = Array.isArray(value) ? value : [value, value];
  const pairs = both.map((one) => (Array.isArray(one) ? one : [one, one]));
  const valid = pairs.length === 2 && pairs.every((pair) => pair.length === 2 && pair.every(isLength));
  return valid
    ? (pairs as [[number, number], [number, number]])
    : fields.refuse(name, value, 'one, two or four whole numbers');
}
