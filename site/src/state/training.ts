import { computed } from '@preact/signals';
import { OPTIMIZERS } from 'vgg-blocks';
import type { Fault, History } from 'vgg-blocks/train';
import type { Text } from '../text/en.js';
import { data, setOf, startFiles } from './data.js';
import {
  aim,
  atRest,
  changes,
  epochs,
  history,
  isBuilt,
  type Notice,
  notice,
  onWorker,
  phase,
  points,
  report,
  run,
  snapshot,
  speed,
  takeSnapshot,
  tell,
  worker,
} from './lab.js';
import { choice, choose, isFresh } from './page.js';
import { cannotKeep, forgetCheckpoints, keepRun, keepWeights, type Point, runs, startRuns } from './runs.js';
import { begin, current, openRun, show } from './shownRun.js';
import { requestOf, stretchOf, type Way, wayOf } from './way.js';

/** How the run goes on, if it can. */
export const way = computed(() =>
  run.value && snapshot.value ? wayOf(run.value, choice.value, setOf(choice.value)) : undefined,
);

/** Trains a new network as chosen, or with `goOn` the existing one. */
export async function train({ goOn = false } = {}): Promise<void> {
  if (phase.value !== 'idle') return;
  notice.value = undefined;
  const chosen = choice.value;
  try {
    phase.value = 'starting';
    const one = await worker();
    const going = goOn ? way.value! : ({ kind: 'chosen', request: requestOf(chosen) } as const);
    const images = goOn && going.kind !== 'chosen' ? undefined : setOf(chosen);
    const set = images ?? run.value!.set;
    phase.value = 'data';
    await data(one, set);
    if (goOn) run.value = { ...run.value!, set };
    else {
      phase.value = 'building';
      show(undefined);
      const { layers, classNames } = await one.call('build', { choice: chosen });
      begin({ choice: chosen, set, layers, classNames });
    }
    await stretch(going);
  } catch (error) {
    report(error);
  } finally {
    phase.value = 'idle';
    speed.value = undefined;
  }
}

/** Checkpoints of the stretch before, which are removed once this one has some. */
let spare: string | undefined;

/** Trains the network that the worker has for a stretch, or the rest of one. */
async function stretch(going: Way): Promise<void> {
  const one = await worker();
  if (going.kind !== 'resume') {
    spare = run.value!.stretch?.store;
    epochs.value = epochs.value.slice(0, snapshot.value?.epoch ?? 0);
    const before = epochs.value.length;
    points.value = points.value.filter(({ at }) => at <= before);
    const request = stretchOf(going.request, before);
    const { id } = run.value!;
    const store = cannotKeep.value ? undefined : `vgg-blocks run ${id} ${Date.now().toString(36)}`;
    run.value = { ...run.value!, stretch: { before, request, chosen: requestOf(choice.value), store } };
  }
  const { before, request, store } = run.value!.stretch!;
  run.value = { ...run.value!, ended: undefined, review: undefined };
  aim.value = before + request.epochs;
  phase.value = 'training';
  void keepRun(current());
  const { classNames } = run.value!;
  const result = await one.call('train', {
    request,
    classNames,
    store,
    resume: going.kind === 'resume',
  });
  const rows = result.epochs.map((row) => ({ ...row, epoch: row.epoch + before }));
  epochs.value = [...epochs.value.slice(0, before), ...rows];
  history.value = { ...result, epochs: epochs.value, weightsOf: before + result.weightsOf };
  const isOver = result.ended !== 'aborted';
  const stretch = { ...run.value!.stretch!, store: isOver ? undefined : store };
  run.value = { ...run.value!, ended: result.ended, stretch };
  if (result.ended === 'diverged' && !store) backToSnapshot();
  else await takeSnapshot(one);
  changes.value++;
  await keepRun(current());
  if (isOver && store) forgetCheckpoints(store);
  notice.value = endNotice(result);
}

/** Without checkpoints a run that diverged leaves no weights but those that the page has. */
function backToSnapshot(): void {
  const epoch = snapshot.value?.epoch ?? 0;
  history.value = { ...history.value!, weightsOf: epoch };
  if (snapshot.value) isBuilt(undefined);
}

function endNotice({ ended, diagnosis }: History): Notice {
  if (ended === 'diverged')
    return { tone: 'bad', text: (t) => t.train.diverged(history.value?.weightsOf ?? 0) };
  if (ended === 'aborted') return { tone: 'warn', text: (t) => t.train.stopped };
  const { loss, testAccuracy } = epochs.value.at(-1)!;
  if (!diagnosis) return { tone: 'good', text: (t) => t.train.finished(testAccuracy ?? 0) };
  const { rate, optimizer } = run.value!.stretch!.request;
  const [found] = diagnosis.findings;
  const better =
    found?.learningRate ?? Math.min(OPTIMIZERS[optimizer].learningRate, Number((rate / 10).toPrecision(2)));
  return {
    tone: 'warn',
    text({ train: t }) {
      const because = t.because[(found && REASONS[found.fault]) ?? 'other'];
      const why = typeof because === 'string' ? because : because(rate, better);
      return `${t.nothing(loss, diagnosis.chance)} ${why}`;
    },
  };
}

/** What the faults that `diagnose` finds come from, among the settings of the page. */
const REASONS: { [fault in Fault]?: keyof Text['train']['because'] } = {
  'rate-too-high': 'high',
  'dead-relus': 'high',
  'exploding-gradients': 'high',
  weights: 'high',
  'rate-too-low': 'low',
  input: 'images',
  labels: 'images',
};

const MAX_POINTS = 1200;

function addPoint(point: Point): void {
  // A run that was interrupted repeats some batches.
  const next = [...points.value.filter(({ at }) => at < point.at), point];
  points.value = next.length > MAX_POINTS ? next.filter((_, i) => i % 2 === 1) : next;
}

onWorker.event = (message: Parameters<typeof onWorker.event>[0]) => {
  if (!run.value) return;
  const before = run.value.stretch?.before ?? 0;
  if (message.event === 'progress') {
    const { done, batches, loss, accuracy, examplesPerSecond, secondsLeft } = message.value;
    addPoint({ at: before + done / batches, loss, accuracy });
    speed.value = { examplesPerSecond, secondsLeft };
    if (spare) forgetCheckpoints(spare);
    spare = undefined;
  } else if (message.event === 'epoch') {
    const { epoch } = message.value;
    epochs.value = [
      ...epochs.value.slice(0, before + epoch - 1),
      { ...message.value, epoch: before + epoch },
    ];
    void keepRun(current());
  } else {
    const { weights, sum } = message.value;
    atRest.value = message.held === true && phase.value === 'paused';
    // A run that diverged has the weights of an earlier epoch.
    const epoch = (run.value.ended && history.value?.weightsOf) ?? epochs.value.length;
    snapshot.value = { weights: new Blob([weights as BlobPart]), epoch };
    run.value = { ...run.value, sum };
    void keepWeights(run.value.id, snapshot.value);
    void keepRun(current());
  }
};

export async function pause(): Promise<void> {
  phase.value = 'paused';
  atRest.value = false;
  speed.value = undefined;
  await tell('pause');
}

export async function resume(): Promise<void> {
  phase.value = 'training';
  await tell('resume');
}

export async function stop(): Promise<void> {
  phase.value = 'stopping';
  await tell('stop');
}

/** Shows the run that the last visit ended with. */
export async function startTraining(): Promise<void> {
  await startRuns();
  await startFiles();
  const last = runs.value.find(({ imported }) => !imported);
  if (!last || run.value || !(await openRun(last))) return;
  if (isFresh) choose({ ...last.choice, view: choice.value.view, backend: choice.value.backend });
  if (last.ended !== undefined || !last.stretch) return;
  notice.value = {
    tone: 'warn',
    text: (t) => t.runs.interrupted(last.title, last.epochs.length, last.aim),
    action: {
      text: (t) => t.runs.goOn,
      run() {
        const { epochs, batchSize, optimizer, rate, cosine, seed } = last.stretch!.chosen;
        choose({ view: 'train', epochs, batchSize, optimizer, rate, cosine, seed });
        void train({ goOn: true });
      },
    },
  };
}
