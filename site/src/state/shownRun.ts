import type { Review } from '../worker/inside.js';
import { titleOf } from './choice.js';
import { aim, changes, epochs, history, isBuilt, phase, points, run, snapshot } from './lab.js';
import { keepRun, type Run, type StoredRun, weightsOf } from './runs.js';

/** The shown run as it is now. */
export function current(): StoredRun {
  return {
    ...run.value!,
    epochs: epochs.value,
    points: points.value,
    history: history.value,
    aim: aim.value,
  };
}

/** Shows a run, without its weights. */
export function show(shown: StoredRun | undefined): void {
  const { epochs: rows = [], points: dots = [], history: past, aim: last = 0, ...rest } = shown ?? {};
  run.value = shown && (rest as Run);
  epochs.value = rows;
  points.value = dots;
  history.value = past;
  aim.value = last;
  snapshot.value = undefined;
  changes.value++;
}

/** Begins a run with a network that the worker has just got. */
export function begin(made: Pick<Run, 'choice' | 'set' | 'layers' | 'classNames'>): void {
  const at = Date.now();
  const id = `${at.toString(36)}-${Math.floor(Math.random() * 1e9).toString(36)}`;
  show({ ...made, id, at, title: titleOf(made.choice), epochs: [], points: [], aim: 0 });
  isBuilt(id);
}

/** Shows a kept run with its weights; returns whether they are there. */
export async function openRun(stored: StoredRun): Promise<boolean> {
  const weights = await weightsOf(stored.id);
  if (!weights || phase.value !== 'idle') return false;
  show(stored);
  snapshot.value = weights;
  return true;
}

/** Keeps what was found about the run. */
export function noteReview(review: Review): void {
  if (!run.value) return;
  run.value = { ...run.value, review };
  void keepRun(current());
}
