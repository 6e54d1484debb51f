import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, withFields } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { element, FAINT, svg, text } from '../figures/svg.js';
import { groupByBlock, rowsOf } from './inspect.js';
import type { LayerKind, Plan, PlanRow } from './plan.js';

const BOX = { width: 156, height: 24, gap: 6 };
const COLUMN_WIDTH = 376;
const MARGIN = { left: 24, top: 56, bottom: 44 };

const CENTERED = { 'text-anchor': 'middle' };

const FILLS: Partial<Record<LayerKind, string>> = {
  conv: '#cfe2f8',
  maxPool: '#f9d3cb',
  avgPool: '#f9d3cb',
  globalPool: '#f9d3cb',
  dense: '#d5ecd0',
};

/**
 * Draws a network like the chapter's figure "From AlexNet to VGG": a box per layer from the input at the bottom to the classes
 * at the top, a frame around each block, and beside each box the shape of its output (height x width x channels). Several
 * networks are drawn side by side, each under its name.
 *
 * @returns an SVG document.
 * @example diagram({ AlexNet: alexNetPlan(), 'VGG-11': plan(VGG11) })
 * @throws RangeError when there is no network to draw, or a layer is of a kind that no VGG has or is applied several times.
 */
export function diagram(network: LayersModel | Plan | Record<string, LayersModel | Plan>): string {
  checkArguments('diagram', { network }, { network: withFields('a network, or several by title') });
  const single = Array.isArray(network) || 'layers' in network;
  const named = single
    ? { '': network as LayersModel | Plan }
    : (network as Record<string, LayersModel | Plan>);
  const columns = Object.entries(named).map(([title, one]) => ({ title, rows: rowsOf('diagram', one) }));
  if (columns.length === 0)
    fail('diagram', 'there is no network to draw; pass a plan, or several keyed by title.');
  const height = MARGIN.top + Math.max(...columns.map(({ rows }) => columnHeight(rows))) + MARGIN.bottom;
  const width = MARGIN.left + columns.length * COLUMN_WIDTH;
  const title = columns
    .map(({ title, rows }) => `${title || 'Network'}: ${rows.length - 1} layers`)
    .join('; ');
  return svg(
    { width, height, title },
    columns.flatMap(({ title, rows }, i) => column(title, rows, MARGIN.left + i * COLUMN_WIDTH, height)),
  );
}

/** Frames add a gap on each side, so that neighbors do not touch. */
function columnHeight(rows: Plan): number {
  return groupByBlock(rows.slice(1)).reduce((sum, { rows }) => sum + groupHeight(rows) + 2 * BOX.gap, 0);
}

function groupHeight(rows: readonly PlanRow[]): number {
  return rows.length * (BOX.height + BOX.gap) - BOX.gap;
}

function column(title: string, rows: Plan, x: number, height: number): string[] {
  const middle = x + BOX.width / 2;
  let y = height - MARGIN.bottom;
  const parts = [text(middle, height - 16, `input ${shape(rows[0]!)}`, CENTERED)];
  for (const { block, rows: group } of groupByBlock(rows.slice(1))) {
    y -= groupHeight(group) + 2 * BOX.gap;
    if (block) parts.push(frame(block, x, y, groupHeight(group) + 2 * BOX.gap));
    group.forEach((row, i) => {
      parts.push(box(row, x, y + BOX.gap + (group.length - 1 - i) * (BOX.height + BOX.gap)));
    });
  }
  if (title) parts.push(text(middle, y - 18, title, { ...CENTERED, 'font-size': 16, 'font-weight': 600 }));
  return parts;
}

function frame(block: string, x: number, y: number, height: number): string {
  const name = block.replace(/(\d)/, ' $1');
  const rect = { x: x - 8, y: y + 1, width: COLUMN_WIDTH - 28, height: height - 2, rx: 6 };
  return (
    element('rect', { ...rect, fill: 'none', stroke: '#8a99a8', 'stroke-dasharray': '4 3' }) +
    text(x + COLUMN_WIDTH - 46, y + 22, name, { 'text-anchor': 'end', 'font-weight': 600 })
  );
}

function box(row: PlanRow, x: number, y: number): string {
  const { width, height } = BOX;
  const rect = { x, y, width, height, rx: 4, fill: FILLS[row.kind] ?? '#eef1f4' };
  return (
    element('rect', { ...rect, stroke: FAINT, 'stroke-width': 0.75 }) +
    text(x + width / 2, y + 16, caption(row), CENTERED) +
    text(x + width + 14, y + 16, shape(row), { fill: FAINT })
  );
}

function caption({ kind, window, strides, outputShape, biases }: PlanRow): string {
  const side = window.join('×');
  const by = strides[0] > 1 ? `, /${strides[0]}` : '';
  switch (kind) {
    case 'conv':
      return `${side} conv, ${outputShape.at(-1)}${by}`;
    case 'maxPool':
      return `${side} max pool${by}`;
    case 'avgPool':
      return `${side} average pool${by}`;
    case 'globalPool':
      return 'global pool';
    case 'dense':
      // Only adaptive pooling's fixed matrices have no biases.
      return biases === 0 ? `average to ${outputShape.at(-1)}` : `FC, ${outputShape.at(-1)}`;
    case 'batchNorm':
      return 'batch norm';
    case 'zeroPad':
      return 'zero padding';
    case 'relu':
      return 'ReLU';
    default:
      return kind;
  }
}

function shape(row: PlanRow): string {
  return row.outputShape.join('×');
}
