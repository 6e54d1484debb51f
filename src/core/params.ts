import type { LayersModel } from '@tensorflow/tfjs-layers';
import { optionsOf } from '../base/arguments.js';
import { oneOf } from '../base/check.js';
import { rowsOf } from './inspect.js';
import type { Plan, PlanRow } from './plan.js';

/** The parameters of a network. */
export interface ParamCount {
  /** Parameters of the counted layers. */
  total: number;
  /** Those that training changes: all but batch normalization's moving mean and variance. */
  trainable: number;
  /** A row per layer that has parameters. */
  rows: { name: string; params: number; trainable: number }[];
}

/**
 * Counts parameters, layer by layer.
 *
 * `count: 'tally'` counts like the chapter's discussion, which compares AlexNet with VGG-11: the weights of each convolution
 * without its biases, and only the first fully connected layer, with its biases.
 *
 * @example paramCount(plan(VGG11, { inputShape: [224, 224, 3] }), { count: 'tally' }).total // 111982272
 * @throws RangeError when a layer is of a kind that no VGG has or is applied several times.
 */
export function paramCount(
  modelOrPlan: LayersModel | Plan,
  options: { count?: 'all' | 'tally' } = {},
): ParamCount {
  const { count = 'all' } = optionsOf('paramCount', options, { count: 1 });
  oneOf('paramCount', 'count', count, ['all', 'tally']);
  const layers = rowsOf('paramCount', modelOrPlan).filter((row) => row.params > 0);
  const firstConnected = layers.find(isFullyConnected);
  const counted =
    count === 'all'
      ? layers
      : layers.filter((row) => row === firstConnected || (row.kind === 'conv' && !isFullyConnected(row)));
  const rows = counted.map((row) => {
    const { name, params, trainable, biases } = row;
    const left = count === 'tally' && !isFullyConnected(row) ? biases : 0;
    return { name, params: params - left, trainable: Math.max(0, trainable - left) };
  });
  const sum = (key: 'params' | 'trainable') => rows.reduce((total, row) => total + row[key], 0);
  return { total: sum('params'), trainable: sum('trainable'), rows };
}

/** Whether a layer is fully connected, as a hidden layer of `convolutionalTop` is too; the averages of `adaptivePool` are not. */
export function isFullyConnected({ kind, name, biases, trainable }: PlanRow): boolean {
  return kind === 'dense' ? biases + trainable > 0 : kind === 'conv' && /^fc\d+$/.test(name);
}
