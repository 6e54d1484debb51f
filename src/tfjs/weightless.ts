import type { initializers, layers } from '@tensorflow/tfjs-layers';

type Variable = layers.Layer['weights'][number];
type Initializer = ReturnType<typeof initializers.zeros>;

/** What tfjs hides of a layer. */
interface Hidden {
  _trainableWeights: unknown[];
  _nonTrainableWeights: unknown[];
  addWeight(
    name: string,
    shape: Variable['shape'],
    dtype: Variable['dtype'] | undefined,
    initializer: Initializer | undefined,
    regularizer?: unknown,
    trainable?: boolean,
  ): unknown;
}

/**
 * Has a layer that is not built yet make weights that have names and shapes and no numbers: they take no memory and need no backend.
 *
 * @param onWeight called with the initializer and the shape of each.
 */
export function weightless(
  layer: layers.Layer,
  onWeight: (initializer: Initializer | undefined, shape: readonly number[]) => void,
): layers.Layer {
  const hidden = layer as unknown as Hidden;
  hidden.addWeight = (given, shape, dtype, initializer, _regularizer, trainable = true) => {
    onWeight(initializer, shape as number[]);
    const name = `${layer.name}/${given}`;
    const outline = { name, originalName: name, shape, dtype, trainable, dispose() {} };
    hidden[trainable ? '_trainableWeights' : '_nonTrainableWeights'].push(outline);
    return outline;
  };
  return layer;
}
