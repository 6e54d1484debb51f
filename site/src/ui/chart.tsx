import { useEffect, useRef, useState } from 'preact/hooks';
import type { EpochRow } from 'vgg-blocks/train';
import { epochs, points, run } from '../state/lab.js';
import { text } from '../state/page.js';
import { compared, runs } from '../state/runs.js';
import { loss } from './format.js';

const HEIGHT = 190;
const MARGIN = { left: 52, right: 14, top: 10, bottom: 26 };

/** Loss and accuracy over the epochs, drawn while training runs. */
export function Chart({ total }: { total: number }) {
  const t = text.value.train;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) =>
      setWidth(Math.max(240, Math.round(entry!.contentRect.width))),
    );
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const live = points.value.filter(({ loss }) => Number.isFinite(loss));
  const others = runs.value
    .filter(({ id }) => compared.value.has(id) && id !== run.value?.id)
    .map((other, i) => ({ ...other, style: `other other${i % OTHERS}` }));
  const rows = epochs.value;
  const last = live.at(-1);
  const lastEpoch = Math.max(total, Math.ceil(last?.at ?? 1), ...others.map(({ epochs }) => epochs.length));
  const losses = live.map(({ at, loss }) => [at, loss] as const);
  const label = t.chartLabel(
    rows.length,
    last?.loss.toFixed(3) ?? '–',
    last ? text.value.percent(last.accuracy) : '–',
  );
  return (
    <div class="chart" ref={box}>
      <Panel
        title={t.loss}
        label={label}
        width={width}
        lastEpoch={lastEpoch}
        top={roundUp(Math.max(0.5, ...losses.map(([, loss]) => loss)))}
        lines={[
          ...others.map(({ title, style, points }) => ({
            name: title,
            style,
            points: points
              .filter(({ loss }) => Number.isFinite(loss))
              .map(({ at, loss }) => [at, loss] as const),
            dots: false,
          })),
          { name: t.trainLoss, style: 'loss', points: losses, dots: false },
        ]}
      />
      <Panel
        title={t.accuracy}
        label={label}
        width={width}
        lastEpoch={lastEpoch}
        top={1}
        lines={[
          ...others.map(({ title, style, epochs }) => ({
            name: t.testOf(title),
            style,
            points: tested(epochs),
            dots: false,
          })),
          {
            name: t.trainAccuracy,
            style: 'train',
            points: live.map(({ at, accuracy }) => [at, accuracy] as const),
            dots: false,
          },
          {
            name: t.testAccuracy,
            style: 'test',
            points: tested(rows),
            // More would cover the line.
            dots: rows.length <= 60,
          },
        ]}
        axis={t.epochAxis}
      />
    </div>
  );
}

/** Pixels that the last epoch and its unit take below the axis. */
const LAST_TICK = 90;

/** How many colors there are for other runs. */
const OTHERS = 4;

function tested(rows: readonly EpochRow[]): (readonly [x: number, y: number])[] {
  return rows.flatMap(({ epoch, testAccuracy }) =>
    testAccuracy === null ? [] : [[epoch, testAccuracy] as const],
  );
}

interface Line {
  name: string;
  style: string;
  points: readonly (readonly [x: number, y: number])[];
  dots: boolean;
}

function Panel(given: {
  title: string;
  label: string;
  width: number;
  lastEpoch: number;
  top: number;
  lines: Line[];
  axis?: (epoch: number) => string;
}) {
  const { title, label, width, lastEpoch, top, lines, axis } = given;
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (epoch: number) => MARGIN.left + (epoch / lastEpoch) * (right - MARGIN.left);
  const y = (value: number) => bottom - (Math.min(value, top) / top) * (bottom - MARGIN.top);
  const step = roundUp(Math.max(1, Math.ceil(lastEpoch / Math.max(2, Math.floor(width / 60)))));
  const regular = Array.from({ length: Math.ceil(lastEpoch / step) }, (_, i) => i * step);
  // The last one says what the axis is, which needs room before it.
  const ticks = [...regular.filter((tick) => right - x(tick) > LAST_TICK), lastEpoch];
  return (
    <figure>
      <figcaption>
        <strong>{title}</strong>
        {lines.map(({ name, style, points: own }) => (
          <span key={style} class={`key ${style}`}>
            {name} <b>{own.length > 0 ? loss(own.at(-1)![1], 3) : '–'}</b>
          </span>
        ))}
      </figcaption>
      <svg
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={`${title}. ${label}`}
      >
        {[0, 0.25, 0.5, 0.75, 1].map((fraction) => (
          <g key={fraction}>
            <path class="grid" d={`M${MARGIN.left} ${y(fraction * top)}H${right}`} />
            <text x={MARGIN.left - 8} y={y(fraction * top) + 4} text-anchor="end">
              {top < 1e5 ? Number((fraction * top).toPrecision(3)) : loss(fraction * top, 1)}
            </text>
          </g>
        ))}
        {ticks.map((tick) => (
          <text key={tick} x={x(tick)} y={HEIGHT - 8} text-anchor={tick === lastEpoch ? 'end' : 'middle'}>
            {tick === lastEpoch && axis ? axis(tick) : tick}
          </text>
        ))}
        {lines.map(({ style, points: own, dots }) => (
          <g key={style} class={style}>
            {own.length > 1 && (
              <path
                class="line"
                d={`M${own.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join('L')}`}
              />
            )}
            {dots && own.map(([a, b]) => <circle key={a} cx={x(a)} cy={y(b)} r={3} />)}
          </g>
        ))}
      </svg>
    </figure>
  );
}

/** The smallest of 1, 2, 3, 5, 10, 20 ... (or 0.1, 0.2 ...) that is at least the value. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 10].map((one) => one * power).find((one) => one >= value) ?? value;
}
