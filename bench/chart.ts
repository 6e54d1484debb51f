import { linear } from '../src/figures/scale.js';
import { COLORS, element, FAINT, INK, svg, text } from '../src/figures/svg.js';
import { type Figure, shown } from './figure.js';
import { circumstances, MEASURES, type Measure, type Results } from './results.js';

const [WIDTH, COLUMNS, GAP, MARGIN] = [980, 2, 36, 24];
const PANEL = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
const [NAMES, VALUES, ROW, HEAD] = [140, 62, 22, 44];
const [OURS, OTHERS] = [COLORS.blue, '#9aa7b3'];

/** One panel per quantity, one bar per implementation: the median, and a line from minimum to maximum. */
export function benchChart(results: Results): string {
  const { title, rounds, implementations } = results;
  const measures = (Object.keys(MEASURES) as Measure[]).filter((measure) =>
    implementations.some(({ figures }) => figures[measure]),
  );
  const panels = measures.map((measure) => ({
    measure,
    rows: implementations.flatMap(({ name, ours, figures, cannotTrain }) => {
      const figure = figures[measure];
      return figure || (measure === 'training' && cannotTrain) ? [{ name, ours, figure }] : [];
    }),
  }));
  let y = 74;
  const drawn: string[] = [];
  for (let i = 0; i < panels.length; i += COLUMNS) {
    const line = panels.slice(i, i + COLUMNS);
    for (const [column, panel] of line.entries())
      drawn.push(drawPanel(panel, MARGIN + column * (PANEL + GAP), y));
    y += HEAD + ROW * Math.max(...line.map(({ rows }) => rows.length)) + 18;
  }
  const caption = `${circumstances(results)}; median of ${rounds} processes, lines from minimum to maximum`;
  const drawing = svg({ width: WIDTH, height: y, title: `${title}: this library compared with others` }, [
    text(MARGIN, 30, title, { 'font-size': 17, 'font-weight': 600 }),
    text(MARGIN, 50, caption, { fill: FAINT }),
    ...drawn,
  ]);
  return `${drawing}\n`;
}

interface Panel {
  measure: Measure;
  /** Without a figure: an implementation that cannot do this. */
  rows: { name: string; ours: boolean; figure?: Figure }[];
}

function drawPanel({ measure, rows }: Panel, left: number, top: number): string {
  const { title, unit, better } = MEASURES[measure];
  const longest = Math.max(...rows.map(({ figure }) => figure?.maximum ?? 0));
  const start = left + NAMES;
  const x = linear([0, longest], [start, left + PANEL - VALUES]);
  const bars = rows.map(({ name, ours, figure }, i) => {
    const y = top + HEAD + ROW * i + 3;
    const weight = ours ? 600 : undefined;
    const label = text(start - 8, y + 4, name, { 'text-anchor': 'end', 'font-weight': weight });
    if (!figure) return label + text(start + 7, y + 4, 'cannot', { fill: FAINT });
    const [minimum, median, maximum] = [x(figure.minimum), x(figure.median), x(figure.maximum)];
    const bar = { x: start, y: y - 7, width: Math.max(1, median - start), height: 14, rx: 2 };
    const spread = `M${minimum} ${y}H${maximum}M${minimum} ${y - 3}v6M${maximum} ${y - 3}v6`;
    return [
      label,
      element('rect', { ...bar, fill: ours ? OURS : OTHERS }),
      element('path', { d: spread, stroke: INK, fill: 'none' }),
      text(Math.max(median, maximum) + 7, y + 4, shown(figure.median), { 'font-weight': weight }),
    ].join('');
  });
  const note = element('tspan', { fill: FAINT, 'font-weight': 400 }, `(${better} is better)`);
  const heading = { x: left, y: top + 14, 'font-weight': 600 };
  const axis = `M${start} ${top + HEAD - 12}V${top + HEAD + ROW * rows.length - 6}`;
  return [
    element('text', heading, `${title}, ${unit} ${note}`),
    element('path', { d: axis, stroke: '#c8d0d8' }),
    ...bars,
  ].join('\n');
}
