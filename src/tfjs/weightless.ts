import { type initializers, layers } from '@tensorflow/tfjs-layers';

type Variable = layers.Layer['weights'][number];
type Initializer = ReturnType<typeof initializers.zeros>;

/** What tfjs hides of a layer. */
interface Hidden {
  name: string;
  _trainableWeights: unknown[];
  _nonTrainableWeights: unknown[];
  addWeight: (
    name: string,
    shape: Variable['shape'],
    dtype: Variable['dtype'] | undefined,
    initializer: Initializer | undefined,
    regularizer?: unknown,
    trainable?: boolean,
  ) => unknown;
}

/**
 * Builds layers whose weights have names and shapes and no numbers: they take no memory and need no backend.
 *
 * @param build builds them before it returns.
 * @param onWeight called with the initializer and the shape of each weight.
 */
export function weightless<T>(
  build: () => T,
  onWeight?: (initializer: Initializer | undefined, shape: readonly number[]) => void,
): T {
  const prototype = layers.Layer.prototype as unknown as Hidden;
  const { addWeight: own } = prototype;
  prototype.addWeight = function (this: Hidden, given, shape, dtype, initializer, _regularizer, trainable) {
    onWeight?.(initializer, shape as number[]);
    const name = `${this.name}/${given}`;
    const isTrained = trainable ?? true;
    const outline = { name, originalName: name, shape, dtype, trainable: isTrained, dispose() {} };
    this[isTrained ? '_trainableWeights' : '_nonTrainableWeights'].push(outline);
    return outline;
  };
  try {
    return build();
  } finally {
    prototype.addWeight = own;
  }
}
