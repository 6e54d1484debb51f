import { cost, OPTIMIZERS, paramCount } from 'vgg-blocks';
import { FASHION_MNIST } from 'vgg-blocks/data';
import { BACKENDS, type Choice, DATA, type FileNames, OPTIMIZER_NAMES, titleOf } from '../state/choice.js';
import { chosenInfo, IDX_PARTS, idxFiles, idxNames, setOf } from '../state/data.js';
import type { Device } from '../state/device.js';
import { classesProblem, takeFiles } from '../state/files.js';
import {
  aim,
  cancelDownload,
  download,
  epochs,
  history,
  isStarting,
  moves,
  phase,
  points,
  run,
  snapshot,
  speed,
} from '../state/lab.js';
import { choice, choose, device, network, planOf, text } from '../state/page.js';
import { compared, runs } from '../state/runs.js';
import { saveCurves, saveHistory } from '../state/save.js';
import { pause, resume, stop, train, way } from '../state/training.js';
import { trainingCode } from '../state/typescript.js';
import { Chart } from './chart.js';
import {
  Card,
  Checkbox,
  CopyButton,
  FileButton,
  Scroll,
  SelectField,
  TableHead,
  useKeptFocus,
} from './controls.js';
import { ChoiceNumber } from './design.js';
import { bytes, count } from './format.js';
import { imageAt, Pixels } from './image.js';
import { Misfits } from './networkView.js';
import { About } from './path.js';
import { RunsCard } from './runsCard.js';
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
      <Samples />
      {data === 'fashion-mnist' && (
        <p class="hint">
          {t.fashionBlocked} <a href={FASHION_MNIST.home}>{t.fashionHome}</a>
        </p>
      )}
    </>
  );
}

/** What the classes of the dropped files are called. */
function namesOfFiles(): FileNames {
  return idxNames.value ?? (chosenInfo()?.published === 'Fashion-MNIST' ? 'garments' : 'numbers');
}

function IdxFiles() {
  const t = text.value.train;
  const missing = IDX_PARTS.filter((part) => !idxFiles.value[part]).map((part) => t.parts[part]);
  const info = chosenInfo();
  const known = info?.published ? t.filesKnown(info.published) : t.filesUnknown;
  return (
    <div class="idx">
      <p class="hint">
        {t.filesHint}{' '}
        <FileButton class="link" accept=".gz,.idx,application/gzip" multiple onFiles={takeFiles}>
          {t.chooseFiles}
        </FileButton>
      </p>
      <p role="status">
        {missing.length > 0 ? t.filesMissing(missing.join(', ')) : t.filesReady} {info && known}
      </p>
      <SelectField
        label={t.filesNames}
        value={namesOfFiles()}
        options={[
          { value: 'numbers' as const, text: t.namesNumbers },
          { value: 'garments' as const, text: t.namesGarments },
        ]}
        onValue={(value) => {
          idxNames.value = value;
        }}
      />
    </div>
  );
}

/** The first test images of the chosen set with their classes, once it is loaded. */
function Samples() {
  const info = chosenInfo();
  if (!info) return null;
  return (
    <ul class="samples-row" aria-label={text.value.train.samples}>
      {Array.from({ length: Math.min(8, info.test) }, (_, i) => {
        const name = text.value.className(info.classNames[info.testLabels[i]!]!);
        return (
          <li key={i}>
            <Pixels image={imageAt(info, i)} label={name} />
            <span aria-hidden="true">{name}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** The choice that the card of the run is about: that of its network, or of the one that would be built. */
function shownChoice(): Choice {
  return phase.value !== 'idle' && run.value ? run.value.choice : choice.value;
}

function Status() {
  const t = text.value.train;
  const found = network.value;
  const now = phase.value;
  const problem = found.problem ?? classesProblem(chosenInfo()?.classNames.length ?? CLASSES);
  const ready = now === 'idle' && !problem && setOf(choice.value) !== undefined;
  const going = way.value;
  const running = now === 'training' || now === 'paused' || now === 'stopping';
  const shown = shownChoice();
  const buttons = useKeptFocus<HTMLDivElement>();
  return (
    <section class="card status" aria-label={t.current}>
      <p class="which">
        <strong>{titleOf(shown)}</strong> {(running || !found.problem) && <Size of={shown} />}
      </p>
      <div class="run" ref={buttons}>
        {running ? (
          <>
            <button
              key="main"
              type="button"
              class="button primary"
              onClick={() => (now === 'paused' ? resume() : now === 'training' && pause())}
            >
              {now === 'paused' ? t.resume : t.pause}
            </button>
            <button key="stop" type="button" class="button" onClick={() => stop()}>
              {t.stop}
            </button>
          </>
        ) : download.value ? (
          <button key="cancel" type="button" class="button" onClick={cancelDownload}>
            {t.cancel}
          </button>
        ) : (
          <>
            {going && (
              <button
                key="on"
                type="button"
                class="button primary"
                aria-describedby="way"
                onClick={() => train({ goOn: true })}
              >
                {t.goOn}
              </button>
            )}
            <button
              key="new"
              type="button"
              class={going ? 'button' : 'button primary'}
              disabled={now === 'idle' && !ready}
              onClick={() => ready && train()}
            >
              {going ? t.again : t.start}
            </button>
          </>
        )}
        <Progress />
      </div>
      {now === 'idle' && going && (
        <p class="hint" id="way">
          {going.kind === 'resume'
            ? t.ways.resume(going.to)
            : t.ways[going.kind](going.request.epochs, going.request.rate)}
        </p>
      )}
      {problem && (
        <p class="note bad" role="status">
          {problem}
        </p>
      )}
      {!running && !found.problem && <Misfits plan={found.plan} />}
      {now === 'idle' && run.value && isChanged() && (
        <p class="note">{t.changed(titleOf(choice.value), run.value.title)}</p>
      )}
      {now === 'idle' && run.value && moves() && (
        <p class="note">{t.moved(t.backends[choice.value.backend])}</p>
      )}
    </section>
  );
}

function Size({ of }: { of: Choice }) {
  const plan = planOf(of);
  return (
    <span>
      {of.size}×{of.size}×{of.channels} · {count(paramCount(plan).total)} · {count(cost(plan).macs.forward)}{' '}
      MACs
    </span>
  );
}

/** Whether another network or other images are chosen than those of the run. */
function isChanged(): boolean {
  const built = ({ arch, ratio, size, channels, classes, hidden, batchNorm, seed }: Choice) =>
    JSON.stringify([arch, ratio, size, channels, classes, hidden, batchNorm, seed]);
  const images = setOf(choice.value);
  const { choice: then, set } = run.value!;
  return built(choice.value) !== built(then) || (!!images && JSON.stringify(images) !== JSON.stringify(set));
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
        : t.phases[now === 'idle' && isStarting.value ? 'starting' : now];
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

function Epochs() {
  const t = text.value.train;
  const { percent, number } = text.value;
  return (
    <Card title={t.table}>
      <About text={t.about.epochs} section="training" />
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
