import { text } from '../state/page.js';
import { at, type Detail, inputsAt, type Place, type Step, sumAt } from '../state/sum.js';
import { activationColor, css, inkOn, weightColor } from './colors.js';

/** Input channels that are listed, the others are summed. */
const LISTED = 4;

/** The input channel with the largest part in a sum. */
export function strongest(detail: Detail, place: Place): number {
  const { parts } = sumAt(detail, place);
  return parts.reduce((best, part) => (Math.abs(part.sum) > Math.abs(best.sum) ? part : best)).channel;
}

/** The numbers behind one pixel of a layer. */
export function SumSteps({ detail, place, part }: { detail: Detail; place: Place; part: number }) {
  if (detail.stage.kind === 'pool') return <Pooled detail={detail} place={place} />;
  return detail.kernel ? <Convolved detail={detail} place={place} part={part} /> : null;
}

function Convolved({ detail, place, part }: { detail: Detail; place: Place; part: number }) {
  const t = text.value.closeUp;
  const sum = sumAt(detail, place);
  const { inputs, weights, sum: own } = sum.parts[part]!;
  const columns = detail.stage.window[1];
  const products = inputs.map((value, i) => (value ?? 0) * weights[i]!);
  const others = sum.parts.filter(({ channel }) => channel !== part);
  const listed = [...others].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, LISTED);
  const rest = others.length - listed.length;
  const listedSum = listed.reduce((total, one) => total + one.sum, own);
  return (
    <div class="sum">
      <div class="grids">
        <Numbers
          title={t.window}
          numbers={inputs}
          columns={columns}
          color={(value) => activationColor(value / largest(inputs))}
        />
        <span aria-hidden="true">×</span>
        <Numbers
          title={t.kernel}
          numbers={weights}
          columns={columns}
          color={(value) => weightColor(value / largest(weights))}
        />
        <span aria-hidden="true">=</span>
        <Numbers
          title={t.products}
          numbers={products}
          columns={columns}
          color={(value) => weightColor(value / largest(products))}
        />
      </div>
      <ol class="steps">
        <Line name={sum.parts.length > 1 ? t.channel(part) : t.added} value={own} />
        {listed.map(({ channel, sum: value }) => (
          <Line key={channel} name={t.channel(channel)} value={value} signed />
        ))}
        {rest > 0 && <Line name={t.others(rest)} value={sum.total - sum.bias - listedSum} signed />}
        <Line name={t.bias} value={sum.bias} signed />
        <Line name={t.total} value={sum.total} total />
        {sum.after.map(({ step, value }, i) => (
          <Line
            key={i}
            name={nameOf(step, place.map)}
            value={value ?? sum.value}
            total={i === sum.after.length - 1}
          />
        ))}
      </ol>
    </div>
  );
}

function nameOf(step: Step, map: number): string {
  const t = text.value.closeUp;
  if (step.kind === 'norm') return t.norm(digits(step.scale[map]!), signed(step.shift[map]!));
  return step.kind === 'relu' ? t.relu : step.name;
}

/** The four numbers that a pooling chooses from, or averages. */
function Pooled({ detail, place }: { detail: Detail; place: Place }) {
  const t = text.value.closeUp;
  if (detail.output.height === 1 && detail.stage.shape.length === 1) return null;
  const inputs = inputsAt(detail, place, place.map);
  const color = (value: number) => activationColor(value / largest(inputs));
  return (
    <div class="sum">
      <div class="grids">
        <Numbers title={t.window} numbers={inputs} columns={detail.stage.window[1]} color={color} />
        <span aria-hidden="true">→</span>
        <Numbers
          title={t.pooled}
          numbers={[at(detail.output, place.y, place.x, place.map)]}
          columns={1}
          color={color}
        />
      </div>
    </div>
  );
}

/** The largest magnitude, above 0. */
function largest(numbers: readonly (number | undefined)[]): number {
  return Math.max(1e-9, ...numbers.map((value) => Math.abs(value ?? 0)));
}

/** Numbers in the form of their window. */
function Numbers({
  title,
  numbers,
  columns,
  color,
}: {
  title: string;
  numbers: readonly (number | undefined)[];
  columns: number;
  color(value: number): readonly [number, number, number];
}) {
  return (
    <figure class="numbers">
      <figcaption>{title}</figcaption>
      <div style={{ gridTemplateColumns: `repeat(${columns}, auto)` }}>
        {numbers.map((value, i) => {
          const shade = color(value ?? 0);
          return value === undefined ? (
            <span key={i} class="outside" title={text.value.closeUp.outside}>
              0
            </span>
          ) : (
            <span key={i} style={{ background: css(shade), color: inkOn(shade) }}>
              {digits(value)}
            </span>
          );
        })}
      </div>
    </figure>
  );
}

function Line({
  name,
  value,
  signed: withSign = false,
  total = false,
}: {
  name: string;
  value: number;
  signed?: boolean;
  total?: boolean;
}) {
  return (
    <li class={total ? 'total' : undefined}>
      <span>{name}</span>
      <b>{withSign ? signed(value) : digits(value, 3)}</b>
    </li>
  );
}

function digits(value: number, after = 2): string {
  const text = value.toFixed(Math.abs(value) < 100 ? after : 0);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '\u2212');
}

/** A number with its sign, and with a digit more than in the grids: parts of a sum may be small. */
function signed(value: number): string {
  const text = digits(value, 3);
  return text.startsWith('\u2212') ? text : `+${text}`;
}
