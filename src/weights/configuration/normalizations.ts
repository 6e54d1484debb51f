import { layers } from '@tensorflow/tfjs-layers';
import type { Fields } from './fields.js';
import { onLastAxis, type Stage, unary } from './stage.js';

/** Layers that normalize by statistics and weights of their own. */
export const NORMALIZATION_LAYERS: Record<string, (fields: Fields) => Stage> = {
  BatchNormalization(fields) {
    const axis = axisOf(fields);
    const [epsilon, momentum] = [fields.number('epsilon', 1e-3), fields.number('momentum', 0.99)];
    const [center, scale] = [fields.flag('center', true), fields.flag('scale', true)];
    fields.only('mode', 0);
    return unary((x, site) =>
      onLastAxis(axis, x, site, (last) =>
        site.apply(
          '',
          (common) =>
            layers.batchNormalization({
              ...common,
              axis: -1,
              epsilon,
              momentum,
              center,
              scale,
              gammaInitializer: site.unfilled(),
              betaInitializer: site.unfilled(),
              movingMeanInitializer: site.unfilled(),
              movingVarianceInitializer: site.unfilled(),
            }),
          last,
        ),
      ),
    );
  },
  LayerNormalization(fields) {
    const axis = axisOf(fields);
    const epsilon = fields.number('epsilon', 1e-3);
    const [center, scale] = [fields.flag('center', true), fields.flag('scale', true)];
    fields.only('rms_scaling', false);
    return unary((x, site) =>
      onLastAxis(axis, x, site, (last) =>
        site.apply(
          '',
          (common) =>
            layers.layerNormalization({
              ...common,
              axis: -1,
              epsilon,
              center,
              scale,
              gammaInitializer: site.unfilled(),
              betaInitializer: site.unfilled(),
            }),
          last,
        ),
      ),
    );
  },
};

/** An axis, which may be given as a list of one. */
function axisOf(fields: Fields): number {
  const value = fields.take('axis') ?? -1;
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  return Number.isSafeInteger(axis) && axis !== 0
    ? (axis as number)
    : fields.refuse('axis', value, 'the index of one axis');
}
