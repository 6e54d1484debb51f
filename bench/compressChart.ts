import { linear, logarithmic, tickStep, ticks } from '../src/figures/scale.js';
import { COLORS, element, FAINT, INK, svg, text } from '../src/figures/svg.js';

/** A compressed network, or the whole one. */
interface Point {
  bytes: number;
  accuracy: number;
}

/** Compressed networks, the smallest first. */
export interface Curve {
  name: string;
  points: readonly Point[];
}

const [WIDTH, HEIGHT] = [720, 400];
const PLOT = { left: 64, right: 690, top: 56, bottom: 344 };
const LEGEND = 470;
const GRID = '#e6eaee';
const FILLS = [COLORS.blue, COLORS.orange];
const MEGABYTES = [1, 2, 5, 10, 20, 50, 100, 200];

/** Accuracy over bytes, on a logarithmic scale, with the whole network's as a line. */
export function compressChart(curves: readonly Curve[], whole: Point): string {
  const all = [...curves.flatMap(({ points }) => points), whole];
  const accuracies = all.map(({ accuracy }) => accuracy);
  const lowest = Math.floor(100 * Math.min(...accuracies)) / 100;
  const highest = Math.ceil(100 * Math.max(...accuracies)) / 100;
  const x = logarithmic(
    [Math.min(...all.map(({ bytes }) => bytes)) / 1.15, whole.bytes * 1.15],
    [PLOT.left, PLOT.right],
  );
  const y = linear([lowest, highest], [PLOT.bottom, PLOT.top]);
  const title = 'Top-1 on the test images of Fashion-MNIST over the bytes of the network';
  const drawing = svg({ width: WIDTH, height: HEIGHT, title }, [
    text(24, 30, title, { 'font-size': 16, 'font-weight': 600 }),
    ...MEGABYTES.filter((one) => x(1e6 * one) >= PLOT.left && x(1e6 * one) <= PLOT.right).map(
      (one) =>
        element('path', { d: `M${x(1e6 * one)} ${PLOT.top}V${PLOT.bottom}`, stroke: GRID }) +
        text(x(1e6 * one), PLOT.bottom + 18, one, { 'text-anchor': 'middle' }),
    ),
    ...ticks([lowest, highest], tickStep(highest - lowest, 6)).map(
      (one) =>
        element('path', { d: `M${PLOT.left} ${y(one)}H${PLOT.right}`, stroke: GRID }) +
        text(PLOT.left - 8, y(one) + 4, `${Number((100 * one).toFixed(2))} %`, { 'text-anchor': 'end' }),
    ),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 40, 'MB', { 'text-anchor': 'middle' }),
    element('path', {
      d: `M${PLOT.left} ${y(whole.accuracy)}H${PLOT.right}`,
      stroke: FAINT,
      'stroke-dasharray': '6 4',
    }),
    element('circle', { cx: x(whole.bytes), cy: y(whole.accuracy), r: 4.5, fill: INK }),
    text(PLOT.right - 4, y(whole.accuracy) - 10, 'the whole network, float32', { 'text-anchor': 'end' }),
    ...curves.map(({ name, points }, i) => {
      const places = points.map(({ bytes, accuracy }) => ({ cx: x(bytes), cy: y(accuracy) }));
      const line = PLOT.bottom - 44 + 20 * i;
      const fill = FILLS[i]!;
      return [
        element('path', {
          d: places.map(({ cx, cy }, at) => `${at === 0 ? 'M' : 'L'}${cx} ${cy}`).join(''),
          stroke: fill,
          fill: 'none',
          'stroke-width': 2,
        }),
        ...places.map((place) => element('circle', { ...place, r: 3.5, fill })),
        element('circle', { cx: LEGEND, cy: line - 4, r: 3.5, fill }),
        text(LEGEND + 12, line, name),
      ].join('');
    }),
  ]);
  return `${drawing}\n`;
}
