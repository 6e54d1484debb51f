import { type Cost, cost, type Plan, paramCount, tally } from 'vgg-blocks';
import { titleOf } from '../state/choice.js';
import { network, planOf, text } from '../state/page.js';
import { ALEXNET_MIN, alexNetFor } from './alexNet.js';
import { Card, Scroll, TableHead } from './controls.js';
import { bytes, count, shape } from './format.js';
import { About } from './path.js';

/** The costs of the network beside those of AlexNet. */
export function VersusCard({ plan }: { plan: Plan }) {
  const t = text.value.versus;
  const { size: chosen } = network.value.choice;
  const { plan: other, size } = alexNetFor(chosen);
  // A comparison is fair only at the same image size.
  const same = size === chosen ? plan : planOf({ ...network.value.choice, size });
  const [own, theirs] = [cost(same), cost(other)];
  const lines: [string, (cost: Cost, plan: Plan) => number, (n: number) => string][] = [
    [t.rows.params, (_, p) => paramCount(p).total, count],
    [t.rows.macs, (c) => c.macs.forward, count],
    [t.rows.activations, (c) => c.bytes.activations, bytes],
    [t.rows.training, (c) => c.bytes.training, bytes],
    [t.rows.field, (c) => c.receptiveField.size, (n) => `${n} px`],
  ];
  return (
    <Card title={t.title} aside={<span class="hint">{shape([size, size])}</span>}>
      <table class="versus">
        <TableHead columns={['', 'AlexNet', titleOf(network.value.choice), t.ratio]} />
        <tbody>
          {lines.map(([name, value, format]) => {
            const [a, b] = [value(theirs, other), value(own, same)];
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{format(a)}</td>
                <td>{format(b)}</td>
                <td>{ratio(b / a)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="hint">{size === chosen ? t.note(size) : t.noteSmall(ALEXNET_MIN)}</p>
      <About text={t.about} section="cost" />
      <details>
        <summary>{t.tally}</summary>
        <p class="hint">{t.tallyNote}</p>
        <Scroll label={t.tally}>
          <pre>{tally({ AlexNet: other, [titleOf(network.value.choice)]: same })}</pre>
        </Scroll>
      </details>
    </Card>
  );
}

/** `8.1×`, or `1/204` below 1. */
function ratio(value: number): string {
  const digits = (n: number) => (n < 10 ? n.toFixed(1) : Math.round(n).toString());
  return value >= 0.95 ? `${digits(value)}×` : `1/${digits(1 / value)}`;
}
