import { cost, OPTIMIZERS, paramCount } from 'vgg-blocks';
import { FASHION_MNIST } from 'vgg-blocks/data';
import { BACKENDS, DATA, OPTIMIZER_NAMES, titleOf } from '../state/choice.js';
import type { Device } from '../state/device.js';
import { applyIdx, classesProblem, IDX_PARTS, idxFiles, idxNames, takeFiles } from '../state/files.js';
import {
  aim,
  cancelDownload,
  dataInfo,
  download,
  epochs,
  files,
  history,
  moves,
  pause,
  phase,
  points,
  resume,
  snapshot,
  speed,
  stop,
  train,
  trained,
} from '../state/lab.js';
import { choice, choose, device, network, text } from '../state/page.js';
import { saveCurves, saveHistory } from '../state/save.js';
import { trainingCode } from '../state/typescript.js';
import { Chart } from './chart.js';
import { Card, Checkbox, CopyButton, FileButton, Scroll, SelectField, TableHead } from './controls.js';
import { ChoiceNumber } from './design.js';
import { bytes, count } from './format.js';
import { Misfits } from './networkView.js';
import { SaveNetwork } from './saveMenu.js';

/** Classes of a data set that is not loaded yet. */
const CLASSES = 10;

/** Trains the chosen network and draws its curves. */
export function TrainView() {
  return (
    <div class="columns">
      <Settings />
      <div class="stack">
        <Status />
        <Curves />
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
      <fieldset disabled={busy} class="plain">
        <Data />
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
        value={() => trainingCode(choice.value, idxNames.value)}
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

function Data() {
  const t = text.value.train;
  const { data } = choice.value;
  const names = { garments: t.garments, files: t.files, 'fashion-mnist': t.fashion };
  return (
    <>
      <SelectField
        label={t.data}
        value={data}
        options={DATA.map((value) => ({ value, text: names[value] }))}
        onValue={(value) => choose({ data: value })}
      />
      {data === 'garments' && <ChoiceNumber name="images" label={t.images} />}
      {data === 'files' && <IdxFiles />}
      {data === 'fashion-mnist' && (
        <p class="hint">
          {t.fashionBlocked} <a href={FASHION_MNIST.home}>{t.fashionHome}</a>
        </p>
      )}
    </>
  );
}

function IdxFiles() {
  const t = text.value.train;
  const missing = IDX_PARTS.filter((part) => !idxFiles.value[part]).map((part) => t.parts[part]);
  return (
    <div class="idx">
      <p class="hint">
        {t.filesHint}{' '}
        <FileButton class="link" accept=".gz,.idx,application/gzip" multiple onFiles={takeFiles}>
          {t.chooseFiles}
        </FileButton>
      </p>
      <p role="status">{missing.length === 0 ? t.filesReady : t.filesMissing(missing.join(', '))}</p>
      <SelectField
        label={t.filesNames}
        value={idxNames.value}
        options={[
          { value: 'numbers' as const, text: t.namesNumbers },
          { value: 'garments' as const, text: t.namesGarments },
        ]}
        onValue={(value) => {
          idxNames.value = value;
          applyIdx();
        }}
      />
    </div>
  );
}

function Status() {
  const t = text.value.train;
  const found = network.value;
  const now = phase.value;
  const problem = found.problem ?? classesProblem(dataInfo.value?.classNames.length ?? CLASSES);
  const ready = now === 'idle' && !problem && (choice.value.data !== 'files' || files.value !== undefined);
  const resumable = now === 'idle' && (trained.value !== undefined || snapshot.value !== undefined);
  const primary = resumable ? 'button' : 'button primary';
  return (
    <section class="card status" aria-label={t.current}>
      <p class="which">
        <strong>{titleOf(choice.value)}</strong>{' '}
        {!found.problem && (
          <span>
            {choice.value.size}×{choice.value.size}×{choice.value.channels} ·{' '}
            {count(paramCount(found.plan).total)} · {count(cost(found.plan).macs.forward)} MACs
          </span>
        )}
      </p>
      <div class="run">
        {now === 'training' && (
          <button type="button" class="button primary" onClick={() => pause()}>
            {t.pause}
          </button>
        )}
        {now === 'paused' && (
          <button type="button" class="button primary" onClick={() => resume()}>
            {t.resume}
          </button>
        )}
        {(now === 'training' || now === 'paused') && (
          <button type="button" class="button" onClick={() => stop()}>
            {t.stop}
          </button>
        )}
        {download.value && (
          <button type="button" class="button" onClick={cancelDownload}>
            {t.cancel}
          </button>
        )}
        {now !== 'training' && now !== 'paused' && !download.value && (
          <>
            {resumable && (
              <button type="button" class="button primary" onClick={() => train({ goOn: true })}>
                {t.goOn}
              </button>
            )}
            <button type="button" class={primary} disabled={!ready} onClick={() => train()}>
              {resumable ? t.again : t.start}
            </button>
          </>
        )}
        <Progress />
      </div>
      {problem && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
      {!found.problem && <Misfits plan={found.plan} />}
      {now === 'idle' && trained.value && isChanged() && <p class="note">{t.changed}</p>}
      {now === 'idle' && trained.value && moves() && (
        <p class="note">{t.moved(t.backends[choice.value.backend])}</p>
      )}
    </section>
  );
}

/** Whether the choice has changed since the network was trained. */
function isChanged(): boolean {
  const { view: _, backend: __, kernels: ___, epochs: ____, ...now } = choice.value;
  const { view: _a, backend: _b, kernels: _c, epochs: _d, ...then } = trained.value!.choice;
  return JSON.stringify(now) !== JSON.stringify(then);
}

function Progress() {
  const t = text.value.train;
  const now = phase.value;
  const at = points.value.at(-1)?.at ?? 0;
  const done = epochs.value.at(-1)?.epoch ?? 0;
  const total = now === 'training' || now === 'paused' ? Math.max(aim.value, done) : 0;
  const coming = download.value;
  const fraction = coming ? coming.done / coming.total : total > 0 ? at / total : 0;
  const status =
    coming !== undefined
      ? t.download(bytes(coming.done), bytes(coming.total))
      : now === 'training'
        ? t.epoch(Math.min(total, Math.floor(at) + 1), total)
        : t.phases[now];
  const safe = now === 'paused' && snapshot.value && text.value.errors.kept(snapshot.value.epoch);
  return (
    <div class="progress">
      <progress max={1} value={fraction} aria-label={t.phases.training} />
      <p>
        <span role="status">
          {status} {safe}
        </span>
        <span class="speed">
          {now === 'training' && !speed.value && t.first}
          {speed.value && `${t.speed(speed.value.examplesPerSecond)} · ${t.left(speed.value.secondsLeft)}`}
        </span>
      </p>
    </div>
  );
}

function Curves() {
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
      <div class="chart-box">
        <Chart total={Math.max(aim.value, epochs.value.length, 1)} />
        {points.value.length === 0 && (
          <div class="empty over">
            <strong>{t.emptyTitle}</strong>
            <p>{t.empty}</p>
          </div>
        )}
      </div>
      {(trained.value || snapshot.value) && <SaveNetwork slot="trained" />}
    </Card>
  );
}

function Epochs() {
  const t = text.value.train;
  const { percent, number } = text.value;
  return (
    <Card title={t.table}>
      <Scroll label={t.table}>
        <table class="layers">
          <TableHead columns={Object.values(t.columns)} />
          <tbody>
            {epochs.value.map((row) => (
              <tr key={row.epoch}>
                <th scope="row">{row.epoch}</th>
                <td>{row.loss.toFixed(4)}</td>
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
