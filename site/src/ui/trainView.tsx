import { OPTIMIZERS } from 'vgg-blocks';
import { BACKENDS, OPTIMIZER_NAMES } from '../state/choice.js';
import type { Device } from '../state/device.js';
import { epochs, phase } from '../state/lab.js';
import { choice, choose, device, text } from '../state/page.js';
import { runs } from '../state/runs.js';
import { trainingCode } from '../state/typescript.js';
import { Card, Checkbox, CopyButton, SelectField } from './controls.js';
import { ChoiceNumber } from './design.js';
import { About } from './path.js';
import { Curves, Epochs } from './runResults.js';
import { RunStatus } from './runStatus.js';
import { RunsCard } from './runsCard.js';
import { namesOfFiles, TrainData } from './trainData.js';

/** Trains the chosen network and draws its curves. */
export function TrainView() {
  return (
    <div class="columns">
      <Settings />
      <div class="stack">
        <RunStatus />
        <Curves />
        {runs.value.length > 0 && <RunsCard />}
        {epochs.value.length > 0 && <Epochs />}
      </div>
    </div>
  );
}

function Settings() {
  const t = text.value.train;
  const { optimizer, cosine } = choice.value;
  const busy = phase.value !== 'idle';
  return (
    <Card title={t.title} class="design">
      <About text={t.about.settings} section="training" />
      <fieldset disabled={busy} class="plain">
        <TrainData />
        <div class="pair">
          <ChoiceNumber name="epochs" label={t.epochs} />
          <ChoiceNumber name="batchSize" label={t.batchSize} />
          <SelectField
            label={t.optimizer}
            value={optimizer}
            options={OPTIMIZER_NAMES.map((value) => ({ value, text: t.optimizers[value] }))}
            onValue={(value) => choose({ optimizer: value, rate: OPTIMIZERS[value].learningRate })}
          />
          <ChoiceNumber name="rate" label={t.rate} />
        </div>
        <Checkbox checked={cosine} onValue={(value) => choose({ cosine: value })}>
          {t.cosine}
        </Checkbox>
        <SelectField
          label={t.backend}
          value={choice.value.backend}
          options={backendOptions(device.value)}
          onValue={(backend) => choose({ backend })}
        />
        {choice.value.backend === 'webgpu' && (
          <Checkbox checked={choice.value.kernels} onValue={(kernels) => choose({ kernels })}>
            {t.kernels}
          </Checkbox>
        )}
      </fieldset>
      <CopyButton
        copy={t.copyCode}
        copied={text.value.code.copied}
        value={() => trainingCode(choice.value, namesOfFiles())}
      />
    </Card>
  );
}

function backendOptions({ backends: has }: Device) {
  const t = text.value.train;
  return BACKENDS.map((value) => {
    const absent = has !== undefined && !has[value];
    const half = value === 'webgl' && has?.webgl?.float32 === false;
    const suffix = absent ? ` – ${t.absent}` : half ? ` – ${t.half}` : '';
    return { value, text: t.backends[value] + suffix, disabled: absent };
  });
}
