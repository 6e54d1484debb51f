import { fail } from '../base/check.js';
import type { Call, Graph } from './graph.js';

/** The layers besides dilated convolutions that TensorFlow.js computes, but not their gradients. */
const WITHOUT_GRADIENT = ['CategoryEncoding', 'CenterCrop', 'Conv3DTranspose', 'Masking', 'ThresholdedReLU'];

/**
 * Throws where a gradient would pass a layer for which TensorFlow.js has none, such as a dilated convolution.
 *
 * @param begins whether the gradient is wanted of a call's inputs or weights.
 * @param remedy what to do instead.
 */
export function checkGradients(
  where: string,
  { calls }: Pick<Graph, 'calls'>,
  begins: (call: Call) => boolean,
  remedy: string,
): void {
  const passed = new Set<Call>();
  for (const call of calls) {
    if (!begins(call) && !call.inputs.some((input) => passed.has(input.call))) continue;
    passed.add(call);
    const { layer } = call;
    if (WITHOUT_GRADIENT.includes(layer.getClassName())) {
      fail(
        where,
        `TensorFlow.js has no gradient of ${layer.getClassName()}, as layer ${layer.name} is; ${remedy}.`,
      );
    }
    const { dilationRate } = layer.getConfig();
    if ([dilationRate ?? 1].flat().every((rate) => rate === 1)) continue;
    fail(
      where,
      `TensorFlow.js has no gradient of a dilated convolution, as layer ${layer.name} is (dilationRate ${dilationRate}); ${remedy}.`,
    );
  }
}

/** Whether a call reads the output of another. */
export const reads =
  (from: Call) =>
  ({ inputs }: Call): boolean =>
    inputs.some((input) => input.call === from);
