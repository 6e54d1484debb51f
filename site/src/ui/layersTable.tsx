import { cost, type Plan, paramCount } from 'vgg-blocks';
import { text } from '../state/page.js';
import { Card, Scroll, TableHead } from './controls.js';
import { bytes, shape } from './format.js';
import { About } from './path.js';

/** Every layer with its shape and costs. */
export function LayersTable({ plan }: { plan: Plan }) {
  const t = text.value.table;
  const { number } = text.value;
  const { rows, macs } = cost(plan);
  const blank = (n: number) => (n === 0 ? '' : number(n));
  return (
    <Card title={t.title}>
      <About text={t.about} section="shapes" />
      <Scroll label={t.title}>
        <table class="layers">
          <TableHead columns={[t.layer, t.output, t.parameters, t.macs, t.field, t.memory]} />
          <tbody>
            {plan.map((row, i) => (
              <tr key={row.name} class={row.kind}>
                <th scope="row">
                  <span class="swatch" />
                  {row.name}
                </th>
                <td>{shape(row.outputShape)}</td>
                <td>{blank(row.params)}</td>
                <td>{blank(row.macs)}</td>
                <td>{row.outputShape.length === 3 ? rows[i]!.receptiveField : ''}</td>
                <td>{rows[i]!.activationBytes ? bytes(rows[i]!.activationBytes) : ''}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{t.total}</th>
              <td />
              <td>{number(paramCount(plan).total)}</td>
              <td>{number(macs.forward)}</td>
              <td />
              <td>{bytes(rows.reduce((sum, row) => sum + row.activationBytes, 0))}</td>
            </tr>
          </tfoot>
        </table>
      </Scroll>
    </Card>
  );
}
