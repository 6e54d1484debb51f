import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, plainObject } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { table } from '../figures/table.js';
import { rowsOf } from './inspect.js';
import { isFullyConnected, paramCount } from './params.js';
import type { Plan } from './plan.js';

/**
 * The tally of the chapter's discussion as text, networks side by side: the weights of each convolution without its biases,
 * their sum, the first fully connected layer with its biases, and the total.
 *
 * @example console.log(tally({ AlexNet: alexNetPlan(), 'VGG-11': plan(VGG11) }))
 * @throws RangeError when a layer is of a kind that no VGG has or is applied several times.
 */
export function tally(networks: Record<string, LayersModel | Plan>): string {
  checkArguments('tally', { networks }, { networks: plainObject('networks by title') });
  const columns = Object.entries(networks).map(([title, network]) => {
    const plan = rowsOf('tally', network);
    const { rows, total } = paramCount(plan, { count: 'tally' });
    const connected = new Set(plan.filter(isFullyConnected).map(({ name }) => name));
    const dense = rows.find(({ name }) => connected.has(name))?.params ?? 0;
    const convs = rows.filter(({ name }) => !connected.has(name)).map(({ params }) => params);
    return { title, convs, dense, total };
  });
  if (columns.length === 0) fail('tally', 'there is no network to count; pass some, keyed by title.');
  const longest = Math.max(...columns.map(({ convs }) => convs.length));
  const lines = [
    ['', ...columns.map(({ title }) => title)],
    ...Array.from({ length: longest }, (_, i) => [
      i === 0 ? 'convolutions, weights' : '',
      ...columns.map(({ convs }) => convs[i]?.toString() ?? ''),
    ]),
    ['their sum', ...columns.map(({ total, dense }) => String(total - dense))],
    ['first fully connected', ...columns.map(({ dense }) => String(dense))],
    ['total', ...columns.map(({ total }) => String(total))],
  ];
  return table(lines, { right: columns.map((_, i) => i + 1), gap: 3 });
}
