import { keep, type Tensor, type TensorContainer, tensor_util, tidy } from '@tensorflow/tfjs-core';
import { attempted } from '../base/check.js';

/**
 * Computes what a function holds while it waits, as `tidy` does. A scope of the caller's (`tf.engine().startScope()`) that ends meanwhile
 * does not dispose it; who holds it does.
 */
export function held<T extends TensorContainer>(compute: () => T): T {
  return hold(tidy(compute));
}

/** Keeps the tensors in something from scopes of the caller's, and returns it. */
export function hold<T>(made: T): T {
  for (const one of attempted(() => tensor_util.getTensorsInContainer(made as TensorContainer)) ?? [])
    keep(one);
  return made;
}

/** Gives a tensor that was held to the caller, whose scopes may dispose it. */
export function given<T extends Tensor>(tensor: T): T {
  tensor.kept = false;
  return tensor;
}
