import { textOf } from '../base/check.js';
import type { WeightSpec } from './modelJson.js';

/** Where layers are in a file: models within models, each with a few objects around it. */
const MAX_DEPTH = 100;

/**
 * A topology whose separable convolutions have their `depth_multiplier`, which tfjs 4.22 leaves out when it saves a model, and then
 * takes for 1: it is the last axis of the depthwise kernel.
 *
 * @param unknown called with the name of a layer whose kernel is not listed once; its configuration stays as it is.
 */
export function withDepthMultipliers<T>(
  topology: T,
  specs: readonly WeightSpec[],
  unknown: (layer: string) => void = () => {},
): T {
  const completed = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
    if (Array.isArray(value)) return value.map((one) => completed(one, depth + 1));
    const entries = Object.entries(value).map(([name, one]) => [name, completed(one, depth + 1)]);
    const copy = Object.fromEntries(entries);
    const { class_name: className, config } = copy as { class_name?: unknown; config?: object };
    if (className !== 'SeparableConv2D' || typeof config !== 'object' || 'depth_multiplier' in config)
      return copy;
    const name = textOf((config as { name?: unknown }).name);
    const multiplier = multiplierOf(`${name}/depthwise_kernel`, specs);
    if (multiplier === undefined) unknown(name);
    return {
      ...copy,
      config: { ...config, ...(multiplier !== undefined && { depth_multiplier: multiplier }) },
    };
  };
  return completed(topology, 0) as T;
}

/** The last axis of a kernel; in models within a model, names may be those of other layers too. */
function multiplierOf(kernel: string, specs: readonly WeightSpec[]): number | undefined {
  const kernels = specs.filter(({ name }) => name === kernel || name.endsWith(`/${kernel}`));
  const [multiplier, ...others] = new Set(kernels.map(({ shape }) => shape[3]));
  return others.length === 0 ? multiplier : undefined;
}
