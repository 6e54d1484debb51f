import { logarithmic, powersOfTen } from '../src/figures/scale.js';
import { COLORS, element, FAINT, INK, svg, text } from '../src/figures/svg.js';
import { shown } from './figure.js';
import type { RooflineRow } from './rooflineRows.js';

/** A roof: how fast something computes and reads. */
export interface Roof {
  name: string;
  gflops: number;
  gigabytes: number;
}

const [WIDTH, HEIGHT] = [980, 470];
const PLOT = { left: 64, right: 690, top: 60, bottom: 412 };
const LIST = 728;
const FILLS = { conv: COLORS.blue, dense: COLORS.orange, maxPool: COLORS.green } as const;
const LABELS = { conv: 'convolution', dense: 'fully connected', maxPool: 'pooling' } as const;
const GRID = '#e6eaee';
const CENTERED = { 'text-anchor': 'middle' };
const END = { 'text-anchor': 'end' };

/**
 * The roofline: the speed of each layer over its operations per byte, and the machine's roof. Layers are numbered, and listed
 * with the percentage of their limit that they reach.
 */
export function rooflineChart(title: string, roofs: readonly Roof[], rows: readonly RooflineRow[]): string {
  const points = rows.map((row) => ({
    ...row,
    intensity: row.flops / row.bytes,
    reached: row.flops / row.measuredMs / 1e6,
  }));
  const all = points.flatMap(({ intensity }) => intensity);
  const xRange = [10 ** Math.floor(Math.log10(Math.min(...all) / 1.2)), Math.max(...all) * 2] as const;
  const peak = Math.max(...roofs.map(({ gflops }) => gflops), ...points.map(({ reached }) => reached));
  const lowest = Math.min(...points.map(({ reached }) => reached));
  const yRange = [10 ** Math.floor(Math.log10(lowest)), peak * 1.6] as const;
  const x = logarithmic(xRange, [PLOT.left, PLOT.right]);
  const y = logarithmic(yRange, [PLOT.bottom, PLOT.top]);
  const middle = { x: (PLOT.left + PLOT.right) / 2, y: (PLOT.top + PLOT.bottom) / 2 };
  const numbered = points.map((point, i) => ({
    ...point,
    number: i + 1,
    cx: x(point.intensity),
    cy: y(point.reached),
  }));
  const drawing = svg({ width: WIDTH, height: HEIGHT, title }, [
    text(24, 30, title, { 'font-size': 16, 'font-weight': 600 }),
    ...powersOfTen(xRange).map(
      (value) =>
        element('path', { d: `M${x(value)} ${PLOT.top}V${PLOT.bottom}`, stroke: GRID }) +
        text(x(value), PLOT.bottom + 18, value, CENTERED),
    ),
    ...powersOfTen(yRange).map(
      (value) =>
        element('path', { d: `M${PLOT.left} ${y(value)}H${PLOT.right}`, stroke: GRID }) +
        text(PLOT.left - 8, y(value) + 4, value, END),
    ),
    text(middle.x, PLOT.bottom + 40, 'floating-point operations per byte', CENTERED),
    element('text', { transform: `translate(20 ${middle.y}) rotate(-90)`, ...CENTERED }, 'GFLOP/s'),
    ...roofs.map((roof, i) => drawRoof(roof, i === 0, [xRange[0], yRange[0]], x, y)),
    ...labeled(numbered).map(
      ({ kind, number, cx, cy, dx, dy }) =>
        element('circle', { cx, cy, r: 4.5, fill: FILLS[kind] }) +
        text(cx + dx, cy + dy, number, { 'text-anchor': dx < 0 ? 'end' : 'start', 'font-size': 11 }),
    ),
    ...list(points),
  ]);
  return `${drawing}\n`;
}

function drawRoof(
  { name, gflops, gigabytes }: Roof,
  first: boolean,
  [lowestX, lowestY]: readonly [number, number],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const corner = gflops / gigabytes;
  const start = Math.max(lowestX, lowestY / gigabytes);
  const d = `M${x(start)} ${y(start * gigabytes)}L${x(corner)} ${y(gflops)}H${PLOT.right}`;
  const [stroke, dashes] = first ? [INK, undefined] : [FAINT, '6 4'];
  // Halfway up the slope, which the roofs have in common.
  const half = Math.sqrt(start * corner);
  // Under its roof and over the other one, where no layer is.
  const label = y(gflops) + (first ? 16 : -8);
  const memory = `memory, ${shown(gigabytes)} GB/s`;
  return [
    element('path', { d, fill: 'none', stroke, 'stroke-width': 2, 'stroke-dasharray': dashes }),
    text(x(corner) + 14, label, `${name}, ${shown(gflops)} GFLOP/s`, { fill: stroke }),
    first ? text(x(half) + 10, y(half * gigabytes) + 14, memory) : '',
  ].join('');
}

/** Puts each number on the side of its point that has the most room. */
function labeled<T extends { cx: number; cy: number }>(
  points: readonly T[],
): (T & { dx: number; dy: number })[] {
  const offsets = [
    { dx: 8, dy: 4 },
    { dx: -8, dy: 4 },
    { dx: 5, dy: -7 },
    { dx: 5, dy: 15 },
    { dx: -5, dy: -7 },
    { dx: -5, dy: 15 },
  ];
  const taken: { x: number; y: number }[] = points.map(({ cx, cy }) => ({ x: cx, y: cy }));
  return points.map((point) => {
    const room = (offset: { dx: number; dy: number }) => {
      const at = { x: point.cx + offset.dx * 1.4, y: point.cy + offset.dy - 4 };
      const others = taken.filter(({ x, y }) => x !== point.cx || y !== point.cy);
      return Math.min(...others.map(({ x, y }) => Math.hypot((x - at.x) / 1.3, y - at.y)), 14);
    };
    const offset = offsets.reduce((best, one) => (room(one) > room(best) ? one : best));
    taken.push({ x: point.cx + offset.dx * 1.4, y: point.cy + offset.dy - 4 });
    return { ...point, ...offset };
  });
}

function list(rows: readonly RooflineRow[]): string[] {
  const right = WIDTH - 24;
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const legend = kinds.map((kind, i) => {
    const y = PLOT.bottom + 18;
    const left = LIST + [0, 86, 146][i]!;
    return (
      element('circle', { cx: left + 5, cy: y - 4, r: 4.5, fill: FILLS[kind] }) +
      text(left + 14, y, LABELS[kind], { 'font-size': 11 })
    );
  });
  const lines = rows.map(({ name, kind, minimumMs, measuredMs }, i) => {
    const y = PLOT.top + 26 + i * 19;
    return [
      text(LIST + 18, y, i + 1, { ...END, fill: FILLS[kind], 'font-weight': 600 }),
      text(LIST + 28, y, name),
      text(right, y, `${Math.round((100 * minimumMs) / measuredMs)} %`, END),
    ].join('');
  });
  return [
    text(LIST + 28, PLOT.top + 4, 'layer', { fill: FAINT }),
    text(right, PLOT.top + 4, 'of its limit', { ...END, fill: FAINT }),
    ...lines,
    ...legend,
  ];
}
