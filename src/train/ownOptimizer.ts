import type { Scalar, Variable } from '@tensorflow/tfjs-core';
import { TENSOR } from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import { hasNumbers } from '../tfjs/disposed.js';
import type { ChosenOptimizer } from './optimizer.js';

/** An optimizer's state of a tensor of weights, as tfjs's optimizers keep it in their lists. */
interface Slot {
  variable: Variable;
  originalName: string;
  /** The place of the weights in the gradients, and so of the slot in its list. */
  place: number;
}

/** The weights of which the state of an optimizer of tfjs is, which itself knows them by their place alone. */
const weightsOf = new WeakMap<Variable, Variable>();

const slotsIn = (part: unknown): Slot[] =>
  Array.isArray(part)
    ? part.flatMap((slot, place) => (slot?.variable?.shape ? [{ ...slot, place }] : []))
    : [];

/** Throws if an optimizer of the caller's is disposed, or has the state of other weights. */
export function checkOwnState({ optimizer, owned }: ChosenOptimizer, weights: readonly Variable[]): void {
  if (owned) return;
  for (const part of Object.values(optimizer)) {
    const slots = slotsIn(part);
    const states = [
      ...(TENSOR.holds(part) ? [part as Variable] : []),
      ...slots.map(({ variable }) => variable),
    ];
    if (part?.isDisposed === true || states.some((one) => one.isDisposed || !hasNumbers(one))) {
      fail('train', 'the optimizer passed is disposed; pass a new one.');
    }
    for (const { variable, originalName, place } of slots) {
      const known = weightsOf.get(variable);
      // Of state that setWeights brought or another training made, the shape alone is known.
      const own = weights[place];
      if (known ? known === own : own?.shape.join() === variable.shape.join()) continue;
      fail(
        'train',
        `the optimizer passed has the state of other weights (${originalName}); pass a new one for each model, and after freezing or unfreezing layers.`,
      );
    }
  }
}

/** Notes of which weights the state of an optimizer of the caller's is. */
export function noteOwnState({ optimizer, owned }: ChosenOptimizer, weights: readonly Variable[]): void {
  if (owned) return;
  for (const part of Object.values(optimizer)) {
    for (const { variable, place } of slotsIn(part)) weightsOf.set(variable, weights[place]!);
  }
}

/** One step by the gradients of `minimize`, whose result is returned. An optimizer of the caller's may have a method of its own. */
export function minimizedBy(
  { optimizer }: ChosenOptimizer,
  minimize: () => Scalar,
  weights: Variable[],
): Scalar {
  let isCalled = false;
  const returned = optimizer.minimize(
    () => {
      isCalled = true;
      return minimize();
    },
    true,
    weights,
  );
  if (!isCalled) {
    fail('train', 'minimize of the optimizer passed did not call the function that it was given; call it.');
  }
  if (!TENSOR.holds(returned)) {
    fail(
      'train',
      `minimize of the optimizer passed returned ${shown(returned)}; return what the function that it was given returns.`,
    );
  }
  return returned!;
}
