import { engine, getBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isOfCaller } from '../base/ofCaller.js';
import { clauseOf, firstLineOf, isError } from '../base/realm.js';
import { checkBackend } from './backendReady.js';
import { checkInUse, checkMade, isModel, type Used } from './disposed.js';
import { failingLayer } from './failingLayer.js';
import { missingKernel } from './onBackend.js';
import { memoryFailure } from './outOfMemory.js';

/**
 * Whether an error, or its cause, is what TensorFlow.js throws where a model or a tensor is disposed, of which it does not always know, or
 * a backend removed.
 */
export const isRaw = (error: unknown): boolean =>
  isError(error) &&
  (error.name === 'TypeError' ||
    / is (already )?disposed\.$|^Maximum call stack|has not yet been initialized/.test(error.message) ||
    isRaw(error.cause));

/**
 * Works with models and tensors of the caller's, who may dispose them meanwhile, as in a callback, and whose layers TensorFlow.js may be
 * unable to compute. It would say so in its own words, and name neither function nor layer. What the caller's own functions throw comes
 * back as it is.
 */
export async function inUse<T>(where: string, used: Used, work: () => T | Promise<T>): Promise<T> {
  // A tf.tidy around the call ends when the call first waits, and would dispose what was made before.
  await undefined;
  const name = getBackend();
  const backend = engine().registry[name];
  try {
    const made = await work();
    checkMade(where, made);
    return made;
  } catch (error) {
    if (isOfCaller(error)) throw error;
    // Otherwise it is said to lack what the next one has.
    if (missingKernel(error) !== undefined) checkBackend(where);
    if (isRaw(error)) {
      if (engine().registry[name] !== backend)
        fail(where, `the backend ${name} was removed while it was in use; remove it afterwards.`);
      checkInUse(where, used);
      checkBackend(where);
    }
    const said = isForeign(where, error) ? (reasonOf(used, error) ?? lostTensor(error)) : undefined;
    throw said === undefined ? error : new RangeError(`${where}: ${said}`, { cause: error });
  }
}

/** What is said where a tensor of the library's own is gone. */
const lostTensor = (error: unknown): string | undefined =>
  /\bbackend\b|^Tensor is disposed\.$|^Maximum call stack/.test(firstLineOf(error))
    ? 'a tensor was disposed while it was in use, as by tf.disposeVariables(); dispose it afterwards.'
    : undefined;

/** Whether an error may be TensorFlow.js's or a layer's: it is not the library's, an aborted signal's or about memory. */
function isForeign(where: string, error: unknown): boolean {
  if (!isError(error) || !/^(Type|Range|Reference|Value|NotImplemented|Attribute)?Error$/.test(error.name))
    return false;
  return !error.message.startsWith(`${where}: `) && memoryFailure(error) === undefined;
}

/** Why models cannot be computed, if that is what an error is about. */
function reasonOf(used: Used, error: unknown): string | undefined {
  const cause = clauseOf(firstLineOf(error));
  const kernel = missingKernel(error);
  if (kernel !== undefined) {
    return `the backend ${getBackend()} has no kernel ${kernel}, which a layer of the model needs; choose another backend.`;
  }
  const [, operation] = /gradient function not found for (\w+)/.exec(cause) ?? [];
  if (operation) {
    return `TensorFlow.js has no gradient of ${operation}, which a layer of the model computes; build the model without it.`;
  }
  const [, refusing] = /^Input \d+ is incompatible with layer ([^:]+):/.exec(cause) ?? [];
  if (refusing) {
    return `the layer ${refusing} gets another shape than the model was built for, as a layer before it says another than it computes (${cause}); build the model without that, such as Resizing.`;
  }
  for (const [name, one] of Object.entries(used)) {
    const found = isModel(one) ? failingLayer(one as LayersModel, error) : undefined;
    if (found) {
      const { layer, cause } = found;
      return `the layer ${layer.name} (${layer.getClassName()}) of the ${name} cannot be computed: ${cause}; build the model without it, or mend it if it is your own.`;
    }
  }
  return undefined;
}
