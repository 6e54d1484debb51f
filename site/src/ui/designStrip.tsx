import { useSignal } from '@preact/signals';
import { cost, type Plan } from 'vgg-blocks';
import { chosenStage, designLook } from '../state/inside.js';
import { choose, text } from '../state/page.js';
import { labelOf, type Stage, stagesOf } from '../state/stages.js';
import { Card } from './controls.js';
import { shape } from './format.js';
import { About } from './path.js';
import { Strip, StripLegend } from './strip.js';

/** The designed network layer by layer; once it is trained, with its maps. */
export function DesignStrip({ plan }: { plan: Plan }) {
  const t = text.value.strip;
  const name = useSignal<string | undefined>(undefined);
  const planned = stagesOf(plan);
  const stages = designLook.value?.stages ?? planned;
  const found = stages.findIndex((stage) => stage.name === name.value);
  const chosen =
    found >= 0
      ? found
      : Math.max(
          0,
          stages.findIndex(({ kind }) => kind === 'conv'),
        );
  return (
    <Card title={t.title} class="design-strip">
      <About text={t.legend} section="shapes" />
      <Strip
        stages={stages}
        chosen={chosen}
        onChoose={(i) => {
          name.value = stages[i]!.name;
        }}
      />
      <StripLegend />
      <Anatomy stage={planned[chosen]!} plan={plan} />
      {designLook.value && (
        <button
          type="button"
          class="button"
          onClick={() => {
            chosenStage.value = stages[chosen]!.name;
            choose({ view: 'inside' });
          }}
        >
          {t.closer}
        </button>
      )}
    </Card>
  );
}

/** Where a layer's numbers come from. */
function Anatomy({ stage, plan }: { stage: Stage; plan: Plan }) {
  const t = text.value.strip;
  const { number } = text.value;
  const { inputShape, shape: sizes, window, params, macs, layers, kind } = stage;
  const row = plan.findIndex(({ name }) => name === layers.at(-1));
  const field = cost(plan).rows[row]?.receptiveField;
  const first = plan.find(({ name }) => name === stage.name)!;
  const product =
    kind === 'conv'
      ? [...window, inputShape[2]!, sizes[2]!]
      : [inputShape.reduce((all, one) => all * one, 1), sizes[0]!];
  const norm = params - first.params;
  return (
    <dl class="anatomy">
      <div>
        <dt>{labelOf(stage, t)}</dt>
        <dd>
          {shape(inputShape)} → {shape(sizes)}
        </dd>
      </div>
      {params > 0 && (
        <div>
          <dt>{t.parameters}</dt>
          <dd>
            {shape(product)} {first.biases > 0 && `+ ${number(first.biases)}`}{' '}
            {norm > 0 && `+ ${number(norm)}`} = <b>{number(params)}</b>
          </dd>
        </div>
      )}
      {macs > 0 && (
        <div>
          <dt>{t.macs}</dt>
          <dd>
            {kind === 'conv' && `${shape(sizes.slice(0, 2))} × `}
            {shape(product)} = <b>{number(macs)}</b>
          </dd>
        </div>
      )}
      {sizes.length === 3 && field !== undefined && kind !== 'input' && (
        <div>
          <dt>{t.field}</dt>
          <dd>{shape([field, field])}</dd>
        </div>
      )}
    </dl>
  );
}
