import { linear } from '../../src/figures/scale.js';
import { COLORS, element, FAINT, svg, text } from '../../src/figures/svg.js';
import { Patience } from '../../src/train/patience.js';
import { checkSchedule, rateFactor, type Schedule } from '../../src/train/schedules.js';

const EPOCHS = 30;
const BATCHES = 5;

const SIZE = { width: 752, height: 190 };
const PANEL = { left: 40, width: 150, gap: 32, top: 42, bottom: 146 };
const CENTERED = { 'text-anchor': 'middle' };

/** A validation accuracy that rises after each division of the rate, for a while. */
const ACCURACIES = Array.from({ length: EPOCHS }, (_, epoch) => {
  const rises = [0, 13, 23].map(
    (start) => 1 - 0.6 ** Math.min(Math.max(epoch - start + 1, 0), start === 0 ? 10 : 7),
  );
  return 0.4 + 0.35 * rises[0]! + 0.12 * rises[1]! + 0.05 * rises[2]!;
});

const PANELS: { title: string; schedule: Schedule; warmupEpochs?: number; accuracies?: readonly number[] }[] =
  [
    { title: "'constant'", schedule: 'constant' },
    { title: "'step'", schedule: 'step' },
    { title: "'cosine', warm-up of 3", schedule: 'cosine', warmupEpochs: 3 },
    { title: "'plateau'", schedule: 'plateau', accuracies: ACCURACIES },
  ];

/** docs/figures/schedules.svg: the rate of each schedule at every step, and the accuracy that a plateau follows. */
export function scheduleFigure(): string {
  const y = linear([0, 1], [PANEL.bottom, PANEL.top]);
  return svg({ ...SIZE, title: 'The learning rate over thirty epochs, by schedule' }, [
    ...[0, 1].map((value) => text(PANEL.left - 8, y(value) + 4, value, { 'text-anchor': 'end' })),
    ...PANELS.flatMap(({ title, schedule, warmupEpochs, accuracies }, i) => {
      const left = PANEL.left + i * (PANEL.width + PANEL.gap);
      const x = linear([0, EPOCHS], [left, left + PANEL.width]);
      const rates = ratesOf(schedule, warmupEpochs).map(
        (rate, step) => [x((step + 0.5) / BATCHES), y(rate)] as const,
      );
      return [
        text(left, PANEL.top - 18, title, { 'font-weight': 600 }),
        ...[0, 1].map((value) =>
          element('path', { d: `M${left} ${y(value)}h${PANEL.width}`, stroke: '#dde3e8' }),
        ),
        ...[0, 10, 20, 30].map((epoch) => text(x(epoch), PANEL.bottom + 18, epoch, CENTERED)),
        ...(accuracies ? accuracyOf(accuracies, x, y) : []),
        line(rates, { stroke: COLORS.blue, 'stroke-width': 2 }),
      ];
    }),
    text(PANEL.left, SIZE.height - 8, 'epoch; the rate as a fraction of learningRate', { fill: FAINT }),
  ]);
}

/** The factor of each step. */
function ratesOf(schedule: Schedule, warmupEpochs = 0): number[] {
  const plan = checkSchedule('scheduleFigure', schedule, { epochs: EPOCHS, batches: BATCHES, warmupEpochs });
  const patience = new Patience(plan.options.patience ?? Number.POSITIVE_INFINITY);
  return ACCURACIES.flatMap((accuracy, epoch) => {
    const rates = Array.from({ length: BATCHES }, (_, i) =>
      rateFactor(plan, epoch * BATCHES + i, patience.times),
    );
    patience.runsOut(accuracy);
    return rates;
  });
}

function accuracyOf(
  accuracies: readonly number[],
  x: (epoch: number) => number,
  y: (value: number) => number,
): string[] {
  const points = accuracies.map((accuracy, epoch) => [x(epoch + 1), y(accuracy)] as const);
  const label = ['validation', 'accuracy'].map((word, i) =>
    text(x(EPOCHS), y(0.62) + 15 * i, word, { fill: COLORS.orange, 'text-anchor': 'end' }),
  );
  return [line(points, { stroke: COLORS.orange, 'stroke-width': 1.5, 'stroke-dasharray': '2 3' }), ...label];
}

function line(
  points: readonly (readonly [x: number, y: number])[],
  stroke: Record<string, string | number>,
): string {
  return element('path', {
    d: `M${points.map((point) => point.join(' ')).join('L')}`,
    fill: 'none',
    ...stroke,
  });
}
