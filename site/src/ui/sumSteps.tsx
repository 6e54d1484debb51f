import { text } from '../state/page.js';
import { labelOf, type Stage } from '../state/stages.js';
import {
  at,
  type Detail,
  fractionOf,
  inputsAt,
  type Place,
  type Range,
  type Step,
  type Sum,
  sumAt,
} from '../state/sum.js';
import { activationColor, css, inkOn, weightColor } from './colors.js';
import { digits, signed } from './format.js';
import { MapCanvas } from './mapCanvas.js';

/** Input channels that are listed, the others are summed. */
const LISTED = 5;

/** The numbers behind one pixel of a layer; of a sum, the window and kernel of the input channel `part`. */
export function SumSteps(given: SumProps) {
  if (given.detail.stage.kind === 'pool') return <Pooled {...given} />;
  return given.detail.kernel ? <Convolved {...given} /> : null;
}

interface SumProps {
  detail: Detail;
  /** The layer that the input comes from. */
  before: Stage;
  place: Place;
  /** The input channels, those to list first. */
  order: readonly number[];
  part: number;
  /** Of the input. */
  range: Range;
  onPart(channel: number): void;
}

function Convolved({ detail, before, place, order, part, range, onPart }: SumProps) {
  const t = text.value.closeUp;
  const sum = sumAt(detail, place);
  const { inputs, weights } = sum.parts[part]!;
  const columns = detail.stage.window[1];
  const products = inputs.map((value, i) => (value ?? 0) * weights[i]!);
  const listed = order.slice(0, LISTED);
  if (!listed.includes(part)) listed.push(part);
  const rest = sum.parts.length - listed.length;
  const listedSum = listed.reduce((total, channel) => total + sum.parts[channel]!.sum, 0);
  // One scale for all input channels, so that the colors of two can be compared.
  const largestWeight = largest(sum.parts.flatMap((one) => one.weights));
  const largestProduct = largestWeight * Math.max(Math.abs(range.low), Math.abs(range.high), 1e-9);
  return (
    <div class="sum">
      <div class="grids">
        <Numbers
          title={t.window}
          numbers={inputs}
          columns={columns}
          color={(value) => activationColor(fractionOf(value, range))}
        />
        <span aria-hidden="true">×</span>
        <Numbers
          title={t.kernel}
          numbers={weights}
          columns={columns}
          color={(value) => weightColor(value / largestWeight)}
        />
        <span aria-hidden="true">=</span>
        <Numbers
          title={t.products}
          numbers={products}
          columns={columns}
          color={(value) => weightColor(value / largestProduct)}
        />
      </div>
      <ol class="steps">
        {sum.parts.length === 1 && <Line name={t.added} value={sum.parts[0]!.sum} />}
        {sum.parts.length > 1 &&
          listed.map((channel) => (
            <li key={channel} class={channel === part ? 'part' : undefined}>
              <button type="button" aria-pressed={channel === part} onClick={() => onPart(channel)}>
                <MapCanvas
                  width={detail.input.width}
                  height={detail.input.height}
                  value={(pixel) =>
                    fractionOf(detail.input.data[pixel * detail.input.channels + channel]!, range)
                  }
                  deps={[detail.input, channel]}
                />
                {sourceOf(before, channel)}
              </button>
              <b>{signed(sum.parts[channel]!.sum)}</b>
            </li>
          ))}
        {rest > 0 && <Line name={t.others(rest)} value={sum.total - sum.bias - listedSum} signed />}
        <SumEnd sum={sum} map={place.map} />
      </ol>
    </div>
  );
}

/** What a channel of a layer's input is called, by the layer that it comes from. */
export function sourceOf(before: Stage, channel: number): string {
  const { closeUp, strip } = text.value;
  if (before.kind !== 'input') return closeUp.source(labelOf(before, strip), channel);
  return before.shape[2] === 1 ? strip.input : closeUp.source(undefined, channel);
}

/** From the bias to the number that the network computed. */
export function SumEnd({ sum, map }: { sum: Sum; map: number }) {
  const t = text.value.closeUp;
  return (
    <>
      <Line name={t.bias} value={sum.bias} signed />
      <Line name={t.total} value={sum.total} total />
      {sum.after.map(({ step, value }, i) => (
        <Line
          key={i}
          name={nameOf(step, map)}
          value={value ?? sum.value}
          total={i === sum.after.length - 1}
        />
      ))}
    </>
  );
}

function nameOf(step: Step, map: number): string {
  const t = text.value.closeUp;
  if (step.kind === 'norm') return t.norm(digits(step.scale[map]!), signed(step.shift[map]!));
  return step.kind === 'relu' ? t.relu : step.name;
}

/** The four numbers that a pooling chooses from, or averages. */
function Pooled({ detail, place, range }: SumProps) {
  const t = text.value.closeUp;
  if (detail.output.height === 1 && detail.stage.shape.length === 1) return null;
  const inputs = inputsAt(detail, place, place.map);
  const color = (value: number) => activationColor(fractionOf(value, range));
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
      <div style={{ gridTemplateColumns: `repeat(${columns}, 1fr)` }}>
        {numbers.map((value, i) => {
          const shade = color(value ?? 0);
          return value === undefined ? (
            <span key={i} class="outside" title={text.value.closeUp.outside}>
              0
            </span>
          ) : (
            <span key={i} style={{ background: css(shade), color: inkOn(shade) }}>
              {digits(value, Math.abs(value) < 10 ? 2 : 1)}
            </span>
          );
        })}
      </div>
    </figure>
  );
}

export function Line({
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
