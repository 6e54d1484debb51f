import type { Tensor } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';

/** `call` computes a layer's output; a model calls `apply`, which checks the inputs first. */
type Methods = Pick<layers.Layer, 'call' | 'apply'>;

/**
 * Replaces a method of layers, `call` unless `method` says otherwise.
 *
 * @param by returns a layer's new method, from the layer, its own method and its index.
 * @returns a function that restores the layers; the last replacement must be restored first.
 */
export function replaceCalls<M extends keyof Methods = 'call'>(
  replaced: readonly layers.Layer[],
  by: (layer: layers.Layer, own: Methods[M], index: number) => Methods[M],
  method: M = 'call' as M,
): () => void {
  // A replacement of an earlier call, which may still be needed.
  const before = replaced.map((layer) => (Object.hasOwn(layer, method) ? layer[method] : undefined));
  replaced.forEach((layer, i) => {
    layer[method] = by(layer, layer[method].bind(layer) as Methods[M], i) as layers.Layer[M];
  });
  return () => {
    replaced.forEach((layer, i) => {
      // The layer's own method is on its prototype.
      if (before[i]) layer[method] = before[i] as layers.Layer[M];
      else Reflect.deleteProperty(layer, method);
    });
  };
}

/**
 * Makes layers return their input if it is one of `done`, because the operation before them has done their work. (If `call`
 * returned its input, tfjs would copy it.)
 *
 * @returns a function that restores the layers.
 */
export function passThrough(passed: readonly layers.Layer[], done: WeakSet<Tensor>): () => void {
  return replaceCalls(
    passed,
    (_, own) => (inputs, kwargs) => {
      const [input] = [inputs].flat();
      return done.has(input as Tensor) ? (input as Tensor) : own(inputs, kwargs);
    },
    'apply',
  );
}
