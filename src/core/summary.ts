import type { LayersModel } from '@tensorflow/tfjs-layers';
import { table } from '../figures/table.js';
import { groupByBlock, rowsOf } from './inspect.js';
import type { Plan, PlanRow } from './plan.js';

/**
 * The network as text, block by block and layer by layer, with output shapes, parameters and multiply-accumulates: the
 * chapter's walk through the shapes. Shapes are in TensorFlow.js' order, NHWC (batch, height, width, channels); the chapter,
 * like PyTorch, writes NCHW.
 *
 * @example console.log(summary(plan(VGG11)))
 * @throws RangeError when a layer is of a kind that no VGG has or is applied several times.
 */
export function summary(modelOrPlan: LayersModel | Plan): string {
  const plan = rowsOf('summary', modelOrPlan);
  const lines = groupByBlock(plan).flatMap(({ block, rows }) => {
    const layers = rows.map((row) => cells(block ? `  ${row.name}` : row.name, [row], row.kind));
    return block ? [cells(block, rows, 'block'), ...layers] : layers;
  });
  const header = ['layer', 'kind', 'output (NHWC)', 'parameters', 'MACs per image'];
  const total = cells('total', plan, '');
  total[2] = '';
  const text = table([header, ...lines, total], { right: [3, 4] }).split('\n');
  const rule = '-'.repeat(text[0]!.length);
  return [text[0], rule, ...text.slice(1, -1), rule, text.at(-1)].join('\n');
}

function cells(name: string, rows: readonly PlanRow[], kind: string): string[] {
  const sum = (key: 'params' | 'macs') => rows.reduce((total, row) => total + row[key], 0);
  const shape = `[N, ${rows.at(-1)!.outputShape.join(', ')}]`;
  return [name, kind, shape, grouped(sum('params')), grouped(sum('macs'))];
}

/** A number with a comma every three digits; empty for 0, since most layers have no parameters. */
function grouped(n: number): string {
  return n === 0 ? '' : n.toLocaleString('en-US');
}
