import { aim, epochs, history, points, run } from '../state/lab.js';
import { text } from '../state/page.js';
import { compared } from '../state/runs.js';
import { saveCurves, saveHistory } from '../state/save.js';
import { Chart } from './chart.js';
import { Card, Scroll, TableHead } from './controls.js';
import { loss } from './format.js';
import { About } from './path.js';
import { SaveNetwork } from './saveMenu.js';

/** The curves of the run and of those beside it, and what can be saved. */
export function Curves() {
  const t = text.value.train;
  return (
    <Card
      title={t.curves}
      class="curves"
      aside={
        history.value && (
          <>
            <button type="button" class="link" onClick={() => saveCurves('svg')}>
              SVG
            </button>
            <button type="button" class="link" onClick={() => saveCurves('png')}>
              PNG
            </button>
            <button type="button" class="link" onClick={saveHistory}>
              JSON
            </button>
          </>
        )
      }
    >
      <About text={t.about.curves} section="training" />
      <div class="chart-box">
        <Chart total={Math.max(aim.value, epochs.value.length, 1)} />
        {points.value.length === 0 && compared.value.size === 0 && (
          <div class="empty over">
            <strong>{t.emptyTitle}</strong>
            <p>{t.empty}</p>
          </div>
        )}
      </div>
      {run.value && <SaveNetwork slot="trained" />}
    </Card>
  );
}

/** The results epoch by epoch. */
export function Epochs() {
  const t = text.value.train;
  const { percent, number } = text.value;
  return (
    <Card title={t.table}>
      <About text={t.about.epochs} section="training" />
      <Scroll label={t.table} class="epochs">
        <table class="layers">
          <TableHead columns={Object.values(t.columns)} />
          <tbody>
            {epochs.value.map((row) => (
              <tr key={row.epoch}>
                <th scope="row">{row.epoch}</th>
                <td>{loss(row.loss, 4)}</td>
                <td>{percent(row.trainAccuracy)}</td>
                <td>{row.testAccuracy === null ? '–' : percent(row.testAccuracy)}</td>
                <td>{number(Math.round(row.examplesPerSecond))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  );
}
