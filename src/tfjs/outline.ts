import { layers, models } from '@tensorflow/tfjs-layers';
import { clauseOf, firstLineOf } from '../base/realm.js';
import { weightless } from './weightless.js';

const OWN = new Set(Object.keys(layers).map((name) => name.toLowerCase()));

/** Whether a class of layers is one of tfjs, and not one that a program has registered. */
export function isOwnLayer(className: string): boolean {
  return OWN.has(className.toLowerCase());
}

/** Errors of JavaScript, which tfjs, whose own have other names, does not throw on purpose. */
const ENGINE: readonly unknown[] = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'];

/** A weight as a `model.json` lists it. */
interface Listed {
  name: string;
  shape: readonly number[];
}

/**
 * Why a model of tfjs' own layers cannot be built, or does not take its weights, as a clause; undefined if it can. Nothing is
 * allocated, while tfjs keeps what it had built when it fails.
 *
 * @param topology of a `model.json`.
 * @param strict whether its weights must be those that are listed.
 */
export async function outlineFault(
  topology: object,
  listed: readonly Listed[],
  strict: boolean,
): Promise<string | undefined> {
  try {
    // It builds before it returns.
    const model = await weightless(() => models.modelFromJSON({ modelTopology: topology } as never));
    const fault = weightFault(model.layers, listed, strict);
    model.dispose();
    return fault;
  } catch (error) {
    const isOfEngine = ENGINE.includes(Object(error).name);
    const why = isOfEngine
      ? 'a value in its modelTopology is of another type than it should be'
      : clauseOf(firstLineOf(error));
    return `TensorFlow.js cannot build it: ${why}`;
  }
}

function weightFault(
  all: readonly layers.Layer[],
  listed: readonly Listed[],
  strict: boolean,
): string | undefined {
  // Files of Keras 3 number the weights of each layer.
  if (/\/\d+$/.test(listed[0]?.name ?? '')) return undefined;
  for (const layer of all) {
    for (const { originalName: name, shape } of layer.weights) {
      // Those of a layer within it have other names.
      if (!name.startsWith(`${layer.name}/`)) continue;
      const one = listed.find((spec) => spec.name === name || spec.name.endsWith(`/${name}`));
      if (!one && strict) return `it lacks the weight ${JSON.stringify(name)}`;
      if (one && one.shape.join() !== shape.join())
        return `its weight ${JSON.stringify(name)} has the shape [${one.shape}], but its layer needs [${shape}]`;
    }
  }
  return undefined;
}
