import type { Tensor } from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';

/** `call` computes a layer's output; a model calls `apply`, which checks the inputs first. */
type Methods = Pick<layers.Layer, 'call' | 'apply'>;

/** Methods that take the place of those of layers while they are installed. */
export interface Replacement {
  install(): void;
  /** What was installed last must be restored first. */
  restore(): void;
}

/**
 * Replaces a method of layers, `call` unless `method` says otherwise.
 *
 * @param by returns a layer's new method, from the layer, the method that it replaces and its index.
 */
export function replaceCalls<M extends keyof Methods = 'call'>(
  replaced: readonly layers.Layer[],
  by: (layer: layers.Layer, own: Methods[M], index: number) => Methods[M],
  method: M = 'call' as M,
): Replacement {
  const own: Methods[M][] = [];
  const methods = replaced.map((layer, i) => {
    const callOwn = (...args: never[]) => (own[i] as (...args: never[]) => unknown).apply(layer, args);
    return by(layer, callOwn as unknown as Methods[M], i);
  });
  // Replacements by others; a layer's own method is on its prototype.
  const others: (Methods[M] | undefined)[] = [];
  return {
    install() {
      for (const [i, layer] of replaced.entries()) {
        own[i] = layer[method];
        others[i] = Object.hasOwn(layer, method) ? own[i] : undefined;
        layer[method] = methods[i] as layers.Layer[M];
      }
    },
    restore() {
      for (const [i, layer] of [...replaced.entries()].reverse()) {
        if (others[i]) layer[method] = others[i] as layers.Layer[M];
        else Reflect.deleteProperty(layer, method);
      }
    },
  };
}

/** Several replacements as one, of which later ones call earlier ones. */
export function together(replacements: readonly Replacement[]): Replacement {
  return {
    install() {
      for (const one of replacements) one.install();
    },
    restore() {
      for (const one of [...replacements].reverse()) one.restore();
    },
  };
}

/**
 * Makes layers return their input if it is one of `done`, because the operation before them has done their work. (If `call`
 * returned its input, tfjs would copy it.)
 */
export function passThrough(passed: readonly layers.Layer[], done: WeakSet<Tensor>): Replacement {
  return replaceCalls(
    passed,
    (_, own) => (inputs, kwargs) => {
      const [input] = [inputs].flat();
      return done.has(input as Tensor) ? (input as Tensor) : own(inputs, kwargs);
    },
    'apply',
  );
}
