import { fail } from '../base/check.js';
import type { Call, Graph } from './graph.js';

/**
 * Throws where a gradient would pass a dilated convolution, for which TensorFlow.js has none.
 *
 * @param begins whether the gradient is wanted of a call's inputs or weights.
 * @param remedy what to do instead.
 */
export function checkDilated(
  where: string,
  { calls }: Pick<Graph, 'calls'>,
  begins: (call: Call) => boolean,
  remedy: string,
): void {
  const passed = new Set<Call>();
  for (const call of calls) {
    if (!begins(call) && !call.inputs.some((input) => passed.has(input.call))) continue;
    passed.add(call);
    const { dilationRate } = call.layer.getConfig();
    if ([dilationRate ?? 1].flat().every((rate) => rate === 1)) continue;
    fail(
      where,
      `TensorFlow.js has no gradient of a dilated convolution, as layer ${call.layer.name} is (dilationRate ${dilationRate}); ${remedy}.`,
    );
  }
}

/** Whether a call reads the output of another. */
export const reads =
  (from: Call) =>
  ({ inputs }: Call): boolean =>
    inputs.some((input) => input.call === from);
