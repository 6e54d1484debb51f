import { layers } from '@tensorflow/tfjs-layers';
import type { Fields } from './fields.js';
import { type Common, channelsLast, type Stage, spatial, unary } from './stage.js';

/** Windows and global pooling. */
export const POOLING_LAYERS: Record<string, (fields: Fields) => Stage> = {
  MaxPooling2D: (fields) => pooling(fields, layers.maxPooling2d),
  AveragePooling2D: (fields) => pooling(fields, layers.averagePooling2d),
  GlobalAveragePooling2D: (fields) => globalPooling(fields, layers.globalAveragePooling2d),
  GlobalMaxPooling2D: (fields) => globalPooling(fields, layers.globalMaxPooling2d),
};

function pooling(
  fields: Fields,
  create: (args: Parameters<typeof layers.maxPooling2d>[0]) => layers.Layer,
): Stage {
  const poolSize = fields.pair('pool_size', 2);
  const strides = fields.pair('strides', poolSize);
  const padding = fields.oneOf('padding', ['valid', 'same'], 'border_mode');
  return spatial(fields, (x, site) => {
    const sizes = x.shape.slice(1, 3);
    // tfjs's wasm backend writes outside its memory for such a window.
    if (sizes.some((size, i) => size !== null && size < poolSize[i]!)) {
      fields.fail(`has a window of ${poolSize.join('x')}, larger than its input of ${sizes.join('x')}.`);
    }
    return site.apply('', (common) => create({ ...common, poolSize, strides, padding }), x);
  });
}

function globalPooling(fields: Fields, create: (args: Common) => layers.Layer): Stage {
  const first = fields.channelsFirst();
  const keepDims = fields.flag('keepdims', false);
  return unary((x, site) => {
    const pooled = channelsLast(first, x, site, (last) => site.apply('', (common) => create(common), last));
    const channels = pooled.shape.at(-1)!;
    const targetShape = first ? [channels, 1, 1] : [1, 1, channels];
    return keepDims
      ? site.apply('_keepdims', (common) => layers.reshape({ ...common, targetShape }), pooled)
      : pooled;
  });
}
