import { fail } from '../base/check.js';
import type { EpochRow } from './history.js';

const SIZE = { width: 560, height: 360 };
const PLOT = { left: 56, right: 144, top: 20, bottom: 48 };
const X = [PLOT.left, SIZE.width - PLOT.right] as const;
const Y = [SIZE.height - PLOT.bottom, PLOT.top] as const;

/** Colours that people with red-green colour blindness can tell apart (Okabe & Ito 2008), and the chapter's dashes. */
const SERIES = [
  { key: 'loss', label: 'train loss', color: '#0072b2', dash: '' },
  { key: 'trainAccuracy', label: 'train accuracy', color: '#d55e00', dash: '6 4' },
  { key: 'testAccuracy', label: 'test accuracy', color: '#009e73', dash: '8 3 2 3' },
  { key: 'validationAccuracy', label: 'validation accuracy', color: '#b0568d', dash: '2 3' },
] as const;

/**
 * The chapter's figure of a training run: train loss, and accuracy on each set that was measured, over the epochs.
 *
 * @returns an SVG document.
 * @throws RangeError when the history has no epoch.
 */
export function curves({ epochs }: { epochs: readonly EpochRow[] }): string {
  if (epochs.length === 0) fail('curves', 'the history has no epoch to draw; train for at least one.');
  const series = SERIES.map((line) => ({
    ...line,
    points: epochs.flatMap((row) => {
      // A history that was saved before there were validation sets has no such key.
      const value = row[line.key] ?? null;
      return value === null || !Number.isFinite(value) ? [] : [[row.epoch, value] as const];
    }),
  })).filter(({ points }) => points.length > 0);
  const [first, last] = [epochs[0]!.epoch, epochs.at(-1)!.epoch];
  const step = tickStep(Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value))), 6);
  const top =
    step * Math.ceil(Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value))) / step);
  const x = (epoch: number) => (first === last ? (X[0] + X[1]) / 2 : scale(epoch, [first, last], X));
  const y = (value: number) => scale(value, [0, top], Y);
  const final = series.map(({ label, points }) => `${label} ${points.at(-1)![1].toFixed(3)}`).join(', ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" height="${SIZE.height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#1c2733">`,
    `<title>Training over ${last} epochs: ${final}</title>`,
    `<rect width="${SIZE.width}" height="${SIZE.height}" fill="#fff"/>`,
    ...ticks(0, top, step).map((value) => horizontal(y(value), String(value))),
    ...ticks(first, last, Math.max(1, tickStep(last - first, 10))).map((epoch) =>
      vertical(x(epoch), String(epoch)),
    ),
    `<text x="${(X[0] + X[1]) / 2}" y="${SIZE.height - 12}" text-anchor="middle">epoch</text>`,
    ...series.flatMap(({ points, color, dash }) =>
      line(
        points.map(([epoch, value]) => [x(epoch), y(value)] as const),
        color,
        dash,
      ),
    ),
    ...labels(
      series.map(({ label, color, points }) => ({
        label,
        color,
        value: points.at(-1)![1],
        y: y(points.at(-1)![1]),
      })),
    ),
    '</svg>',
  ].join('\n');
}

function scale(
  value: number,
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): number {
  return start + ((value - from) / (to - from)) * (end - start);
}

/** A step of 1, 2 or 5 times a power of ten that divides `range` into at most `maximum` parts. */
function tickStep(range: number, maximum: number): number {
  const power = 10 ** Math.floor(Math.log10(range / maximum || 1));
  return power * ([1, 2, 5, 10].find((multiple) => range / (multiple * power) <= maximum) ?? 10);
}

function ticks(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step + 1e-9) + 1 }, (_, i) =>
    Number((from + i * step).toPrecision(6)),
  );
}

function horizontal(y: number, label: string): string {
  return `<path d="M${X[0]} ${y}H${X[1]}" stroke="#dde3e8"/><text x="${X[0] - 8}" y="${y + 4}" text-anchor="end">${label}</text>`;
}

function vertical(x: number, label: string): string {
  return `<path d="M${x} ${Y[0]}v5" stroke="#5b6b7b"/><text x="${x}" y="${Y[0] + 19}" text-anchor="middle">${label}</text>`;
}

function line(points: (readonly [number, number])[], color: string, dash: string): string[] {
  const path = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');
  const dots =
    points.length > 30
      ? []
      : points.map(([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2.5" fill="${color}"/>`);
  return [
    `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    ...dots,
  ];
}

/** Each line's name and last value beside its end, pushed apart where the lines end close together. */
function labels(ends: { label: string; color: string; value: number; y: number }[]): string[] {
  let lowest = 0;
  return ends
    .sort((a, b) => a.y - b.y)
    .map(({ label, color, value, y }) => {
      lowest = Math.max(y, lowest + 30);
      return `<text x="${X[1] + 10}" y="${lowest}" fill="${color}" font-weight="600">${label}<tspan x="${X[1] + 10}" dy="14">${value.toFixed(3)}</tspan></text>`;
    });
}
