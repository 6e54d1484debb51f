import { cost, type Plan, paramCount } from 'vgg-blocks';
import { trainingBytes } from '../state/fits.js';
import { network, text } from '../state/page.js';
import { networkCode } from '../state/typescript.js';
import { Card, CopyButton, Scroll } from './controls.js';
import { Design } from './design.js';
import { DesignStrip } from './designStrip.js';
import { DiagramCard } from './diagramCard.js';
import { Exercises } from './exercises.js';
import { bytes, count } from './format.js';
import { LayersTable } from './layersTable.js';
import { Misfits } from './misfits.js';
import { isHalfTyped } from './numberInput.js';
import { VersusCard } from './versusCard.js';

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
        <DiagramCard plan={plan} />
        <div class="stack">
          <VersusCard plan={plan} />
          <Code />
        </div>
      </div>
      <Exercises />
      <LayersTable plan={plan} />
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
