import { text } from '../state/page.js';
import { labelOf, type Stage } from '../state/stages.js';
import { type Detail, sumAt } from '../state/sum.js';
import { css, weightColor } from './colors.js';
import { digits, signed } from './format.js';
import { Line, SumEnd } from './sumSteps.js';

/** Products that are listed, the others are summed. */
const LISTED = 8;

/** How one number of a dense layer comes about: its largest products of an input and a weight, and the rest of the sum. */
export function DenseSum({
  detail,
  unit,
  before,
  name,
}: {
  detail: Detail;
  unit: number;
  /** The layer that the numbers come from. */
  before: Stage;
  name?: string;
}) {
  const t = text.value.closeUp;
  const sum = sumAt(detail, { map: unit, y: 0, x: 0 });
  const terms = [...sum.parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, LISTED);
  const largest = Math.max(1e-9, Math.abs(terms[0]!.sum));
  const listed = terms.reduce((total, one) => total + one.sum, 0);
  const [, width = 1, channels = 1] = before.shape;
  const nameOf = (input: number) =>
    before.shape.length < 3
      ? t.unit(input)
      : t.pixel(input % channels, Math.floor(input / channels / width), Math.floor(input / channels) % width);
  return (
    <div class="dense-sum">
      <table>
        <caption>{t.largest(name ?? t.unit(unit), sum.parts.length)}</caption>
        <thead>
          <tr>
            <th scope="col">{t.from(labelOf(before, text.value.strip))}</th>
            <th scope="col">{t.number}</th>
            <th scope="col">{t.weight}</th>
            <th scope="col" colSpan={2}>
              {t.product}
            </th>
          </tr>
        </thead>
        <tbody>
          {terms.map(({ channel, inputs, weights, sum: product }) => (
            <tr key={channel}>
              <th scope="row">{nameOf(channel)}</th>
              <td>{digits(inputs[0]!)}</td>
              <td>× {digits(weights[0]!)}</td>
              <td>{signed(product)}</td>
              <td class="bar-of">
                <span
                  style={{
                    width: `${(100 * Math.abs(product)) / largest}%`,
                    background: css(weightColor(Math.sign(product))),
                  }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <ol class="steps">
        <Line name={t.listed(terms.length)} value={listed} signed />
        {sum.parts.length > terms.length && (
          <Line
            name={t.otherProducts(sum.parts.length - terms.length)}
            value={sum.total - sum.bias - listed}
            signed
          />
        )}
        <SumEnd sum={sum} map={unit} />
      </ol>
    </div>
  );
}
