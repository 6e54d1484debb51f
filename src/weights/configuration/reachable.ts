import { printable, WeightFileError } from '../formats/error.js';
import type { KerasModel, TensorRef } from './graph.js';

/** The maximum number of calls of layers: models that are called twice within one another have exponentially many. */
export const MAX_CALLS = 10_000;

/** A call of a layer as text. */
export const keyOf = ({ layer, call }: TensorRef) => `${call} ${layer}`;

/**
 * Throws unless each call of a model's layers gets its inputs, and the model its outputs. Layers may be listed in any order, but not wait
 * for one another.
 */
export function checkReachable(file: string, { layers, inputs, outputs }: KerasModel): void {
  const refuse = (sentence: string): never => {
    throw new WeightFileError(file, `its configuration has ${sentence}; save the model again.`);
  };
  for (const { layer } of inputs) {
    if (layers.find(({ name }) => name === layer)?.className !== 'InputLayer')
      refuse(`no input layer '${printable(layer)}'`);
  }
  const made = new Set(inputs.map(keyOf));
  let waiting = layers.flatMap(({ name, calls, model }) =>
    calls.map((refs, call) => {
      if (refs.length === 0 || (model && refs.length !== model.inputs.length))
        refuse(`a layer '${printable(name)}' that is called with ${refs.length} inputs`);
      return { name, refs, makes: keyOf({ layer: name, call }) };
    }),
  );
  if (waiting.length > MAX_CALLS)
    throw new WeightFileError(file, `its configuration calls layers more than ${MAX_CALLS} times.`);
  for (let before = -1; waiting.length !== before; ) {
    before = waiting.length;
    waiting = waiting.filter(({ refs, makes }) => {
      const isReady = refs.every((ref) => made.has(keyOf(ref)));
      if (isReady) made.add(makes);
      return !isReady;
    });
  }
  const [stuck] = waiting;
  if (stuck) refuse(`a layer '${printable(stuck.name)}' whose inputs do not exist, or are computed from it`);
  const missing = outputs.find((ref) => !made.has(keyOf(ref)));
  if (missing) refuse(`no output '${printable(missing.layer)}'`);
}
