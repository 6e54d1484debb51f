import { checkArguments } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { extremes } from '../base/numbers.js';
import { linear, logarithmic, tickStep, ticks } from '../figures/scale.js';
import { COLORS, element, FAINT, svg, text } from '../figures/svg.js';
import { type EpochRow, HISTORY } from './history.js';

const SIZE = { width: 560, height: 360 };
const PLOT = { left: 56, right: 144, top: 20, bottom: 48 };
const X = [PLOT.left, SIZE.width - PLOT.right] as const;
const Y = [SIZE.height - PLOT.bottom, PLOT.top] as const;

/** The dashes are the chapter's. */
const SERIES = [
  { key: 'loss', label: 'train loss', color: COLORS.blue, dashes: '' },
  { key: 'trainAccuracy', label: 'train accuracy', color: COLORS.orange, dashes: '6 4' },
  { key: 'testAccuracy', label: 'test accuracy', color: COLORS.green, dashes: '8 3 2 3' },
  { key: 'validationAccuracy', label: 'validation accuracy', color: '#b0568d', dashes: '2 3' },
] as const;

/**
 * The chapter's figure of a training run: training loss, and accuracy on each measured set, by epoch. A learning rate that changes
 * is drawn below.
 *
 * @returns an SVG document.
 * @throws RangeError when the history has no epochs.
 */
export function curves(given: { epochs: readonly EpochRow[] }): string {
  checkArguments('curves', { history: given }, { history: HISTORY });
  const { epochs } = given;

  if (epochs.length === 0) fail('curves', 'the history has no epochs to draw; train for at least one.');
  const series = SERIES.map((line) => ({
    ...line,
    points: epochs.flatMap((row) => {
      // A history saved by an earlier version may lack the key.
      const value = row[line.key] ?? null;
      return value === null || !Number.isFinite(value) ? [] : [[row.epoch, value] as const];
    }),
  })).filter(({ points }) => points.length > 0);
  const [first, last] = [epochs[0]!.epoch, epochs.at(-1)!.epoch];
  const [, highest] = extremes([1, ...series.flatMap(({ points }) => points.map(([, value]) => value))]);
  const step = tickStep(highest, 6);
  const top = step * Math.ceil(highest / step);
  const x = first === last ? () => (X[0] + X[1]) / 2 : linear([first, last], X);
  const y = linear([0, top], Y);
  const final = series.map(({ label, points }) => `${label} ${points.at(-1)![1].toFixed(3)}`).join(', ');
  const rates = epochs.flatMap(({ epoch, learningRate }) =>
    learningRate == null ? [] : [[epoch, learningRate] as const],
  );
  const strip = new Set(rates.map(([, rate]) => rate)).size > 1 ? rateStrip(rates, x) : [];
  const height = SIZE.height + (strip.length > 0 ? STRIP : 0);
  return svg({ ...SIZE, height, title: `Training over ${last} epochs: ${final}` }, [
    ...ticks([0, top], step).map((value) => horizontal(y(value), value)),
    ...wholeTicks(first, last).map((epoch) => vertical(x(epoch), epoch)),
    text((X[0] + X[1]) / 2, SIZE.height - 12, 'epoch', { 'text-anchor': 'middle' }),
    ...series.flatMap(({ points, color, dashes }) =>
      line(
        points.map(([epoch, value]) => [x(epoch), y(value)] as const),
        color,
        dashes,
      ),
    ),
    ...labels(
      series.map(({ label, color, points }) => {
        const value = points.at(-1)![1];
        return { label, color, value, y: y(value) };
      }),
    ),
    ...strip,
  ]);
}

/** Height of the strip with the learning rate. */
const STRIP = 80;

/**
 * The learning rate by epoch: from 0 to its maximum, or if it falls in a few steps by its logarithm, so that each can be seen.
 */
function rateStrip(
  rates: readonly (readonly [epoch: number, rate: number])[],
  x: (epoch: number) => number,
): string[] {
  const values = rates.map(([, rate]) => rate);
  const [[lowest, highest], last] = [extremes(values), values.at(-1)!];
  const interval = [SIZE.height + STRIP - 14, SIZE.height + 14] as const;
  const inSteps = lowest > 0 && 2 * new Set(values).size <= values.length;
  const bottom = inSteps ? lowest : 0;
  const y = inSteps ? logarithmic([lowest, highest], interval) : linear([0, highest], interval);
  return [
    horizontal(y(bottom), figure(bottom)),
    horizontal(y(highest), figure(highest)),
    ...line(
      rates.map(([epoch, rate]) => [x(epoch), y(rate)] as const),
      FAINT,
      '',
    ),
    text(X[1] + 10, SIZE.height + STRIP / 2, 'learning rate', { fill: FAINT, 'font-weight': 600 }),
    text(X[1] + 10, SIZE.height + STRIP / 2 + 14, figure(last), { fill: FAINT, 'font-weight': 600 }),
  ];
}

/** At most eleven epochs, at multiples of 1, 2 or 5 times a power of ten. */
function wholeTicks(first: number, last: number): number[] {
  const step = Math.max(1, tickStep(last - first, 10));
  return ticks([step * Math.ceil(first / step), last], step);
}

/** A number with at most two significant digits, in few characters. */
function figure(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded > 0 && rounded < 0.001 ? rounded.toExponential() : String(rounded);
}

function horizontal(y: number, label: number | string): string {
  const line = element('path', { d: `M${X[0]} ${y}H${X[1]}`, stroke: '#dde3e8' });
  return line + text(X[0] - 8, y + 4, label, { 'text-anchor': 'end' });
}

function vertical(x: number, label: number): string {
  const mark = element('path', { d: `M${x} ${Y[0]}v5`, stroke: FAINT });
  return mark + text(x, Y[0] + 19, label, { 'text-anchor': 'middle' });
}

/** A line through points, with dots unless there are many. */
function line(points: readonly (readonly [x: number, y: number])[], color: string, dashes: string): string[] {
  const d = `M${points.map((point) => point.join(' ')).join('L')}`;
  const stroke = { stroke: color, 'stroke-width': 2, 'stroke-dasharray': dashes || undefined };
  const dots = points.length > 30 ? [] : points;
  return [
    element('path', { d, fill: 'none', ...stroke }),
    ...dots.map(([cx, cy]) => element('circle', { cx, cy, r: 2.5, fill: color })),
  ];
}

/** Each line's name and last value beside its end, pushed apart where lines end close together. */
function labels(ends: { label: string; color: string; value: number; y: number }[]): string[] {
  const [left, height, bottom] = [X[1] + 10, 30, SIZE.height - 18];
  const sorted = [...ends].sort((a, b) => a.y - b.y);
  let lowest = 0;
  return sorted.flatMap(({ label, color, value, y }, i) => {
    const room = bottom - height * (sorted.length - 1 - i);
    lowest = Math.min(Math.max(y, lowest + height), room);
    const style = { fill: color, 'font-weight': 600 };
    return [text(left, lowest, label, style), text(left, lowest + 14, value.toFixed(3), style)];
  });
}
