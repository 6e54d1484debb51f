import type { NetworkSpec } from 'vgg-blocks/weights';
import type { Choice } from '../state/choice.js';
import { takeFiles, WEIGHT_FILES } from '../state/files.js';
import { chosenSource } from '../state/imageChoice.js';
import { comparison, opened, phase } from '../state/lab.js';
import { chosenSlot } from '../state/looked.js';
import { adopt, waiting } from '../state/opened.js';
import { choice, choose, text } from '../state/page.js';
import { Card, FileButton, TableHead } from './controls.js';
import { shape } from './format.js';
import { More } from './more.js';
import { SaveNetwork } from './saveMenu.js';

/** Published weights and the sizes of their files. */
const HOMES = [
  { name: 'torchvision VGG-16, 528 MB', url: 'https://download.pytorch.org/models/vgg16-397923af.pth' },
  { name: 'timm VGG-11-BN, 531 MB', url: 'https://huggingface.co/timm/vgg11_bn.tv_in1k' },
  {
    name: 'Keras VGG-16, 553 MB',
    url: 'https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5',
  },
] as const;

/** Opens weight files and describes them. */
export function WeightsView() {
  const t = text.value.weights;
  return (
    <div class="stack">
      <div class="halves">
        <div class="stack">
          <Card title={t.title}>
            <p>{t.lead}</p>
            <div class="dropzone">
              <FileButton accept={WEIGHT_FILES.join()} multiple class="button primary" onFiles={takeFiles}>
                {t.choose}
              </FileButton>
              <p class="hint" role="status">
                {phase.value === 'opening' || phase.value === 'starting'
                  ? text.value.train.phases[phase.value]
                  : waiting.value
                    ? text.value.train.waiting(waiting.value.file.name)
                    : (opened.value?.file ?? t.empty)}
              </p>
            </div>
            <p class="hint homes">
              {t.published}{' '}
              {HOMES.map(({ name, url }, i) => (
                <>
                  {i > 0 && ' · '}
                  <a key={url} href={url}>
                    {name}
                  </a>
                </>
              ))}
            </p>
          </Card>
          {opened.value && <Opened />}
        </div>
        <Compare />
      </div>
      <More />
    </div>
  );
}

function Opened() {
  const t = text.value.weights;
  const { network, format, parameters, inputShape, classes, file, run } = opened.value!;
  const title = run?.title ?? network?.title ?? file;
  const facts = [
    [t.file, file],
    [t.format, format],
    [t.network, title],
    [t.names, network?.names ?? 'keras'],
    [t.parameters, text.value.number(parameters)],
    [t.input, shape(inputShape)],
    [t.classes, classes === undefined ? t.noClasses : text.value.number(classes)],
  ];
  const next = network && choiceOf(network, inputShape);
  return (
    <Card title={title}>
      <dl class="list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="row">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            chosenSlot.value = 'opened';
            chosenSource.value = 'own';
            choose({ view: 'inside' });
          }}
        >
          {t.classify}
        </button>
        <button type="button" class="button" onClick={() => choose({ view: 'own' })}>
          {text.value.path.next.own}
        </button>
        {next && (
          <button
            type="button"
            class="button"
            title={t.adoptNote}
            disabled={phase.value !== 'idle'}
            onClick={() => {
              choose({ ...next, view: 'train' });
              void adopt(choice.value);
            }}
          >
            {t.adopt}
          </button>
        )}
      </div>
      <SaveNetwork slot="opened" />
    </Card>
  );
}

/** The choice that builds a file's network, where the page can train it. */
function choiceOf(
  network: NetworkSpec,
  [height, width, channels]: readonly number[],
): Partial<Choice> | undefined {
  const { top, arch, batchNorm, convBias, padding } = network;
  if (!top?.featureSize || !convBias || padding !== 'same') return undefined;
  if (height !== width || (channels !== 1 && channels !== 3)) return undefined;
  if (top.featureSize[0] * 2 ** arch.length !== height) return undefined;
  const [hidden, second, ...more] = top.hiddenUnits;
  if (hidden === undefined || second !== hidden || more.length > 0) return undefined;
  return {
    arch,
    ratio: 1,
    size: height,
    channels,
    classes: top.classes,
    hidden,
    batchNorm: batchNorm !== false,
  };
}

function Compare() {
  const t = text.value.weights;
  const found = comparison.value;
  return (
    <Card title={t.compareTitle}>
      <p>{t.compareLead}</p>
      {found && (
        <div role="status">
          <p>
            <strong class="compared">{t.compared(found.images, found.relativeError.toExponential(1))}</strong>
          </p>
          <table class="layers logits">
            <TableHead columns={[t.class, t.logitsHere, t.logitsThere]} />
            <tbody>
              {found.logits.slice(0, Math.min(10, found.classes)).map((value, i) => (
                <tr key={i}>
                  <th scope="row">{i}</th>
                  <td>{value.toFixed(6)}</td>
                  <td>{found.expected[i]!.toFixed(6)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
