import { shown } from './results.js';
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
/** Okabe and Ito's colours (2008). */
const COLORS = { conv: '#0072b2', dense: '#d55e00', maxPool: '#009e73' } as const;
const LABELS = { conv: 'convolution', dense: 'fully connected', maxPool: 'pooling' } as const;
const [INK, FAINT, GRID] = ['#1c2733', '#5b6b7b', '#e6eaee'];

/**
 * The roofline: what each layer reaches over the operations that it has a byte, and the roof that the machine has. Layers are
 * numbered, and listed with their share of the limit.
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
  const x = (value: number) => along(value, xRange, [PLOT.left, PLOT.right]);
  const y = (value: number) => along(value, yRange, [PLOT.bottom, PLOT.top]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="${INK}">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="24" y="30" font-size="16" font-weight="600">${title}</text>`,
    ...powers(xRange).map(
      (value) =>
        `<path d="M${x(value).toFixed(1)} ${PLOT.top}V${PLOT.bottom}" stroke="${GRID}"/><text x="${x(value).toFixed(1)}" y="${PLOT.bottom + 18}" text-anchor="middle">${value}</text>`,
    ),
    ...powers(yRange).map(
      (value) =>
        `<path d="M${PLOT.left} ${y(value).toFixed(1)}H${PLOT.right}" stroke="${GRID}"/><text x="${PLOT.left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${value}</text>`,
    ),
    `<text x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 40}" text-anchor="middle">floating-point operations a byte</text>`,
    `<text transform="translate(20 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">GFLOP/s</text>`,
    ...roofs.map((roof, i) => drawRoof(roof, i === 0, xRange, yRange, x, y)),
    ...apart(
      points.map((point, i) => ({ ...point, number: i + 1, cx: x(point.intensity), cy: y(point.reached) })),
    ).map(
      ({ kind, number, cx, cy, dx, dy }) =>
        `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4.5" fill="${COLORS[kind]}"/><text x="${(cx + dx).toFixed(1)}" y="${(cy + dy).toFixed(1)}" text-anchor="${dx < 0 ? 'end' : 'start'}" font-size="11">${number}</text>`,
    ),
    ...list(points),
    '</svg>',
    '',
  ].join('\n');
}

function drawRoof(
  { name, gflops, gigabytes }: Roof,
  first: boolean,
  xRange: readonly [number, number],
  yRange: readonly [number, number],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const corner = gflops / gigabytes;
  const start = Math.max(xRange[0], yRange[0] / gigabytes);
  const path = `M${x(start).toFixed(1)} ${y(start * gigabytes).toFixed(1)}L${x(corner).toFixed(1)} ${y(gflops).toFixed(1)}H${PLOT.right}`;
  // Half way up the slope; the roofs share it.
  const half = Math.sqrt(start * corner);
  const memory = first
    ? `<text x="${(x(half) + 10).toFixed(1)}" y="${(y(half * gigabytes) + 14).toFixed(1)}">memory, ${shown(gigabytes)} GB/s</text>`
    : '';
  const [stroke, dash] = first ? [INK, ''] : [FAINT, ' stroke-dasharray="6 4"'];
  return `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="2"${dash}/><text x="${(x(corner) + 14).toFixed(1)}" y="${(y(gflops) + 16).toFixed(1)}" fill="${stroke}">${name}, ${shown(gflops)} GFLOP/s</text>${memory}`;
}

/** Numbers beside their points, on the side where no other point is near. */
function apart<T extends { cx: number; cy: number }>(
  points: readonly T[],
): (T & { dx: number; dy: number })[] {
  const places = [
    { dx: 8, dy: 4 },
    { dx: -8, dy: 4 },
    { dx: 5, dy: -7 },
    { dx: 5, dy: 15 },
    { dx: -5, dy: -7 },
    { dx: -5, dy: 15 },
  ];
  const taken: { x: number; y: number }[] = points.map(({ cx, cy }) => ({ x: cx, y: cy }));
  return points.map((point) => {
    const room = (place: { dx: number; dy: number }) => {
      const at = { x: point.cx + place.dx * 1.4, y: point.cy + place.dy - 4 };
      const others = taken.filter(({ x, y }) => x !== point.cx || y !== point.cy);
      return Math.min(...others.map(({ x, y }) => Math.hypot((x - at.x) / 1.3, y - at.y)), 14);
    };
    const place = places.reduce((best, one) => (room(one) > room(best) ? one : best));
    taken.push({ x: point.cx + place.dx * 1.4, y: point.cy + place.dy - 4 });
    return { ...point, ...place };
  });
}

function list(rows: readonly RooflineRow[]): string[] {
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const legend = kinds.map((kind, i) => {
    const y = PLOT.bottom + 18;
    const at = LIST + [0, 86, 146][i]!;
    return `<circle cx="${at + 5}" cy="${y - 4}" r="4.5" fill="${COLORS[kind]}"/><text x="${at + 14}" y="${y}" font-size="11">${LABELS[kind]}</text>`;
  });
  const lines = rows.map(({ name, kind, leastMs, measuredMs }, i) => {
    const y = PLOT.top + 26 + i * 19;
    return `<text x="${LIST + 18}" y="${y}" text-anchor="end" fill="${COLORS[kind]}" font-weight="600">${i + 1}</text><text x="${LIST + 28}" y="${y}">${name}</text><text x="${WIDTH - 24}" y="${y}" text-anchor="end">${Math.round((100 * leastMs) / measuredMs)} %</text>`;
  });
  return [
    `<text x="${LIST + 28}" y="${PLOT.top + 4}" fill="${FAINT}">layer</text><text x="${WIDTH - 24}" y="${PLOT.top + 4}" text-anchor="end" fill="${FAINT}">of its limit</text>`,
    ...lines,
    ...legend,
  ];
}

function powers([from, to]: readonly [number, number]): number[] {
  const [first, last] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to))];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(`1e${first + i}`));
}

function along(
  value: number,
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): number {
  return start + (Math.log(value / from) / Math.log(to / from)) * (end - start);
}
