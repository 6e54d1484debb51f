import { cost, paramCount } from 'vgg-blocks';
import { type Choice, titleOf } from '../state/choice.js';
import { chosenInfo, setOf } from '../state/data.js';
import { classesProblem } from '../state/files.js';
import {
  aim,
  atRest,
  cancelDownload,
  download,
  epochs,
  isStarting,
  moves,
  phase,
  points,
  run,
  snapshot,
  speed,
} from '../state/lab.js';
import { choice, network, planOf, text } from '../state/page.js';
import { pause, resume, stop, train, way } from '../state/training.js';
import { useKeptFocus } from './controls.js';
import { bytes, count } from './format.js';
import { Misfits } from './misfits.js';

/** Classes of a data set that is not loaded yet. */
const CLASSES = 10;

/** The choice that the card of the run is about: that of its network, or of the one that would be built. */
function shownChoice(): Choice {
  return phase.value !== 'idle' && run.value ? run.value.choice : choice.value;
}

/** The run: its network, its buttons, and how far it is. */
export function RunStatus() {
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
      {of.size}×{of.size}×{of.channels} · {count(paramCount(plan).total)} {text.value.strip.parameters} ·{' '}
      {count(cost(plan).macs.forward)} MACs
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
  const safe =
    now === 'paused' && atRest.value && snapshot.value && text.value.errors.kept(snapshot.value.epoch);
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
