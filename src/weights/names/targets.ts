import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import { kindOf } from '../../core/inspect.js';
import { isAverage } from '../../core/vgg.js';
import { layersWithin } from '../../tfjs/models.js';
import { WeightFileError } from '../formats/error.js';
import { canonicalNames, type NamedLayer } from './canonical.js';

type LayerVariable = layers.Layer['weights'][number];

/** A weight of a model. */
export interface Target {
  /** Its name here and in Keras: `block1_conv1/kernel`. */
  role: string;
  variable: LayerVariable;
  /** The epsilon that its layer adds, if it is a running variance. */
  epsilon?: number;
}

/**
 * The weights of a VGG by name, including those of models inside the model. Layers with other names than this library's
 * and Keras' are recognized by their order.
 *
 * @throws RangeError when the model is not a VGG.
 */
export function targetsOf(where: string, model: LayersModel): Map<string, Target> {
  const names = layerNames(where, model);
  const targets = new Map<string, Target>();
  for (const layer of layersWithin(model)) {
    if (isAverage(layer.name)) continue;
    for (const variable of layer.weights) {
      const last = variable.originalName.split('/').at(-1)!;
      const role = `${names.get(layer.name) ?? layer.name}/${last}`;
      if (targets.has(role)) fail(where, `the model has two layers '${layer.name}'; give each its own name.`);
      const { epsilon } = layer.getConfig();
      targets.set(role, { role, variable, ...(last === 'moving_variance' && { epsilon: Number(epsilon) }) });
    }
  }
  return targets;
}

/**
 * The names that this library and Keras use for a VGG's layers with weights, by the names in the model.
 *
 * @throws RangeError when the model is not a VGG.
 */
function layerNames(where: string, model: LayersModel): Map<string, string> {
  const described = layersWithin(model).map(
    (layer): NamedLayer => ({ name: layer.name, kind: kindOf(layer.getClassName()) }),
  );
  try {
    return canonicalNames(
      'the model',
      described.filter(({ name }) => !isAverage(name)),
    );
  } catch (error) {
    if (error instanceof WeightFileError) fail(where, error.message);
    throw error;
  }
}
