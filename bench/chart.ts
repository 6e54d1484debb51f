import { circumstances, type Figure, MEASURES, type Measure, type Results, shown } from './results.js';

const [WIDTH, COLUMNS, GAP, MARGIN] = [980, 2, 36, 24];
const PANEL = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
const [NAMES, VALUES, ROW, HEAD] = [140, 62, 22, 44];
/** Okabe and Ito's blue (2008) for this library, grey for the others. */
const [OURS, OTHERS, INK, FAINT] = ['#0072b2', '#9aa7b3', '#1c2733', '#5b6b7b'];

/** A panel a quantity, a bar a side: the median, and a line from the least to the most. */
export function benchChart(results: Results): string {
  const { title, rounds, sides } = results;
  const measures = (Object.keys(MEASURES) as Measure[]).filter((measure) =>
    sides.some(({ figures }) => figures[measure]),
  );
  const panels = measures.map((measure) => ({
    measure,
    rows: sides.flatMap(({ name, ours, figures, cannotTrain }) => {
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
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escaped(`${title}: this library beside others`)}</title>`,
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    `<text x="${MARGIN}" y="30" font-size="17" font-weight="600">${escaped(title)}</text>`,
    `<text x="${MARGIN}" y="50" fill="${FAINT}">${escaped(`${circumstances(results)}; median of ${rounds} processes, and from the least to the most`)}</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

interface Panel {
  measure: Measure;
  /** A side without a figure is one that cannot do it. */
  rows: { name: string; ours: boolean; figure?: Figure }[];
}

function drawPanel({ measure, rows }: Panel, left: number, top: number): string {
  const { title, unit, better } = MEASURES[measure];
  const longest = Math.max(...rows.map(({ figure }) => figure?.most ?? 0));
  const room = PANEL - NAMES - VALUES;
  const x = (value: number) => left + NAMES + (value / longest) * room;
  const bars = rows.map(({ name, ours, figure }, i) => {
    const middle = top + HEAD + ROW * i + 3;
    const label = `<text x="${left + NAMES - 8}" y="${middle + 4}" text-anchor="end"${ours ? ' font-weight="600"' : ''}>${escaped(name)}</text>`;
    if (!figure)
      return `${label}<text x="${left + NAMES + 7}" y="${middle + 4}" fill="${FAINT}">cannot</text>`;
    const [least, median, most] = [x(figure.least), x(figure.median), x(figure.most)];
    return [
      label,
      `<rect x="${left + NAMES}" y="${middle - 7}" width="${Math.max(1, median - left - NAMES).toFixed(1)}" height="14" rx="2" fill="${ours ? OURS : OTHERS}"/>`,
      `<path d="M${least.toFixed(1)} ${middle}H${most.toFixed(1)}M${least.toFixed(1)} ${middle - 3}v6M${most.toFixed(1)} ${middle - 3}v6" stroke="${INK}" fill="none"/>`,
      `<text x="${(Math.max(median, most) + 7).toFixed(1)}" y="${middle + 4}"${ours ? ' font-weight="600"' : ''}>${shown(figure.median)}</text>`,
    ].join('');
  });
  const heading = `<text x="${left}" y="${top + 14}" font-weight="600">${title}, ${unit} <tspan fill="${FAINT}" font-weight="400">(${better} is better)</tspan></text>`;
  const axis = `<path d="M${left + NAMES} ${top + HEAD - 12}V${top + HEAD + ROW * rows.length - 6}" stroke="#c8d0d8"/>`;
  return [heading, axis, ...bars].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
