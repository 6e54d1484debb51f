import { useSignal } from '@preact/signals';
import { alexNetPlan, type Cost, cost, diagram, type Plan, paramCount, tally } from 'vgg-blocks';
import { titleOf } from '../state/choice.js';
import { misfits, trainingBytes } from '../state/fits.js';
import { device, network, planOf, text } from '../state/page.js';
import { saveDiagram } from '../state/save.js';
import { networkCode } from '../state/typescript.js';
import { Card, Checkbox, CopyButton, Scroll, TableHead } from './controls.js';
import { Design } from './design.js';
import { DesignStrip } from './designStrip.js';
import { Exercises } from './exercises.js';
import { bytes, count, shape } from './format.js';
import { isHalfTyped } from './numberInput.js';
import { About } from './path.js';

/** Minimum image size of AlexNet. */
const ALEXNET_MIN = 65;

/** Builds a network and shows its cost. */
export function NetworkView() {
  const { plan, problem } = network.value;
  return (
    <div class="columns">
      <Design />
      <div class="stack">
        {problem && <Problem text={problem} />}
        <div class={`stack ${problem || isHalfTyped.value ? 'dimmed' : ''}`}>
          <Reports plan={plan} />
        </div>
      </div>
    </div>
  );
}

function Problem({ text: problem }: { text: string }) {
  return (
    <div class="note bad" role="status">
      <strong>{text.value.problems.noPlan}</strong>
      <p>{problem}</p>
    </div>
  );
}

function Reports({ plan }: { plan: Plan }) {
  return (
    <>
      <Facts plan={plan} />
      <Misfits plan={plan} />
      <DesignStrip plan={plan} />
      <div class="two">
        <Diagram plan={plan} />
        <div class="stack">
          <Versus plan={plan} />
          <Code />
        </div>
      </div>
      <Exercises />
      <Table plan={plan} />
    </>
  );
}

function Facts({ plan }: { plan: Plan }) {
  const t = text.value;
  const { batchSize, optimizer } = network.value.choice;
  const own = cost(plan, { batchSize, optimizer });
  const { size, stride } = own.receptiveField;
  const facts = [
    [t.facts.parameters, count(paramCount(plan).total), t.number(paramCount(plan).total)],
    [t.facts.macs, count(cost(plan).macs.forward), t.number(cost(plan).macs.forward)],
    [t.facts.weights, bytes(own.bytes.weights), 'float32'],
    [t.facts.training(batchSize), bytes(trainingBytes(own)), t.facts.inTfjs],
    [t.facts.field, t.facts.pixels(size), t.facts.stride(stride)],
  ] as const;
  return (
    <Scroll label={t.facts.title} class="facts-strip">
      <dl class="facts">
        {facts.map(([name, value, more]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              <small>{more}</small>
            </dd>
          </div>
        ))}
      </dl>
    </Scroll>
  );
}

/** Why training the network does not fit this device, if so. */
export function Misfits({ plan }: { plan: Plan }) {
  const t = text.value.misfit;
  const found = misfits(plan, network.value.choice, device.value);
  if (found.length === 0) return null;
  const sure = found.some(({ why }) => why !== 'memory');
  return (
    <div class="note warn" role="status">
      <strong>{sure ? t.title : t.maybe}</strong>
      {found.map((one) => (
        <p key={one.why}>
          {one.why === 'buffer'
            ? t.buffer(bytes(one.needs), bytes(one.has), one.layer)
            : t[one.why](bytes(one.needs), bytes(one.has))}
        </p>
      ))}
    </div>
  );
}

function alexNetFor(chosen: number): { plan: Plan; size: number } {
  const { channels, classes } = network.value.choice;
  const size = chosen >= ALEXNET_MIN ? chosen : 224;
  return { plan: alexNetPlan({ inputShape: [size, size, channels], classes }), size };
}

function Diagram({ plan }: { plan: Plan }) {
  const t = text.value;
  const beside = useSignal(false);
  const { size } = network.value.choice;
  const networks: Record<string, Plan> = {
    ...(beside.value && { AlexNet: alexNetFor(size).plan }),
    [titleOf(network.value.choice)]: plan,
  };
  const drawing = <div dangerouslySetInnerHTML={{ __html: t.diagram.translated(diagram(networks)) }} />;
  return (
    <Card
      title={t.diagram.title}
      class={`diagram-card ${beside.value ? 'beside' : ''}`}
      aside={
        <>
          <button type="button" class="link" onClick={() => saveDiagram(networks, 'svg')}>
            SVG
          </button>
          <button type="button" class="link" onClick={() => saveDiagram(networks, 'png')}>
            PNG
          </button>
        </>
      }
    >
      <About text={t.diagram.about} section="blocks" />
      <Checkbox
        checked={beside.value}
        onValue={(value) => {
          beside.value = value;
        }}
      >
        {t.diagram.alexnet}
      </Checkbox>
      {beside.value && size < ALEXNET_MIN && <p class="hint">{t.diagram.alexnetSmall(ALEXNET_MIN)}</p>}
      <Scroll label={t.diagram.title} class="diagram">
        {drawing}
      </Scroll>
    </Card>
  );
}

function Table({ plan }: { plan: Plan }) {
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

function Versus({ plan }: { plan: Plan }) {
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
    <Card title={t.title}>
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

function Code() {
  const t = text.value.code;
  const code = networkCode(network.value.choice);
  return (
    <Card title={t.title} aside={<CopyButton copy={t.copy} copied={t.copied} value={() => code} />}>
      <Scroll label={t.title}>
        <pre class="code">{code}</pre>
      </Scroll>
    </Card>
  );
}
