import { checkArguments, listOf, NUMBER, NUMBERS, recordOf, TEXTS } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { COLORS, element, svg, text } from '../figures/svg.js';
import type { Confusion } from './confusion.js';

/** Width of a letter and height of a line, in pixels. */
const LETTER = 6.5;
const LINE = 12;

const CONFUSION = recordOf('a confusion, from evaluate or confusion()', {
  classNames: TEXTS,
  counts: listOf(NUMBERS),
  accuracy: NUMBER,
  classes: listOf(recordOf('', { examples: NUMBER })),
});

/**
 * The confusion matrix as a figure: a row for each correct class, a column for each predicted one. A cell is the darker the
 * larger its fraction of the row; correct predictions are green, mistakes orange.
 *
 * @returns an SVG document.
 */
export function confusionChart(given: Confusion): string {
  checkArguments('confusionChart', { confusion: given }, { confusion: CONFUSION });
  const { classNames, counts, accuracy, classes } = given;

  const n = classNames.length;
  if (n === 0)
    fail('confusionChart', 'the confusion has no classes to draw; pass one of at least one class.');
  if ([classes, counts, ...counts].some(({ length }) => length !== n)) {
    fail(
      'confusionChart',
      `the confusion has ${n} class names, but not as many classes and counts; pass it whole.`,
    );
  }
  const cell = Math.min(40, Math.max(2, Math.floor(640 / n)));
  const isNamed = cell >= LINE;
  const longest = isNamed ? Math.max(...classNames.map(({ length }) => length)) : 0;
  const margin = Math.ceil(LETTER * longest) + 32;
  const side = cell * n;
  const at = (index: number) => margin + cell * index;
  const examples = classes.reduce((total, one) => total + one.examples, 0);
  const title = `${examples} examples of ${n} classes, ${(100 * accuracy).toFixed(1)} % classified correctly`;
  const cells = counts.flatMap((row, i) =>
    row.flatMap((count, j) => {
      if (count === 0) return [];
      const fraction = count / classes[i]!.examples;
      const [x, y] = [at(j), 8 + cell * i];
      const fill = i === j ? COLORS.green : COLORS.orange;
      const square = element('rect', { x, y, width: cell, height: cell, fill, 'fill-opacity': fraction });
      if (cell < LETTER * String(count).length + 2) return [square];
      const shade = fraction > 0.6 ? { fill: '#fff' } : {};
      return [
        square,
        text(x + cell / 2, y + cell / 2 + 4, count, { 'text-anchor': 'middle', 'font-size': 11, ...shade }),
      ];
    }),
  );
  const names = classNames.flatMap((name, i) => {
    const middle = cell * i + cell / 2 + 4;
    const below = `translate(${margin + middle},${side + 16}) rotate(-90)`;
    return [
      text(margin - 6, 8 + middle, name, { 'text-anchor': 'end', 'font-size': 11 }),
      text(0, 0, name, { transform: below, 'text-anchor': 'end', 'font-size': 11 }),
    ];
  });
  const frame = element('rect', {
    x: margin,
    y: 8,
    width: side,
    height: side,
    fill: 'none',
    stroke: '#dde3e8',
  });
  const center = side / 2;
  return svg({ width: margin + side + 8, height: side + margin + 8, title }, [
    frame,
    ...cells,
    ...(isNamed ? names : []),
    text(margin + center, side + margin, 'predicted class', { 'text-anchor': 'middle' }),
    text(0, 0, 'correct class', {
      transform: `translate(14,${8 + center}) rotate(-90)`,
      'text-anchor': 'middle',
    }),
  ]);
}
