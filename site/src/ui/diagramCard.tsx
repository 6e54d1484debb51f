import { useSignal } from '@preact/signals';
import { diagram, type Plan } from 'vgg-blocks';
import { titleOf } from '../state/choice.js';
import { network, text } from '../state/page.js';
import { saveDiagram } from '../state/save.js';
import { ALEXNET_MIN, alexNetFor } from './alexNet.js';
import { Card, Checkbox, Scroll } from './controls.js';
import { About } from './path.js';

/** The network as a diagram, on request beside AlexNet. */
export function DiagramCard({ plan }: { plan: Plan }) {
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
