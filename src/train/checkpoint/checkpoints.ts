import { checkArguments, FUNCTION, recordOf, SOURCE, TEXTS } from '../../base/arguments.js';
import { fail, shown } from '../../base/check.js';
import { clauseOf, messageOf } from '../../base/realm.js';
import { isStopped, unlessAborted } from '../../base/unlessAborted.js';
import { WeightFileError } from '../../weights/formats/error.js';
import type { EpochRow } from '../history.js';
import { type Difference, differences, type Found, type RunFacts } from './facts.js';
import { encodeCheckpoint, type OpenCheckpoint, openCheckpoint } from './file.js';
import type { Part } from './part.js';
import { type StoppedStore, untilAborted } from './stoppedStore.js';
import type { CheckpointStore } from './store.js';

/** Options of `train`'s checkpoints. */
export interface CheckpointOptions {
  /** Where they are kept: the last two, and that of the epoch with the best accuracy. */
  store: CheckpointStore;
  /** Seconds from one checkpoint to the next within an epoch, besides that after each epoch; 0 for every step. Default 300. */
  everySeconds?: number;
  /**
   * Goes on with the run in the store, or begins it if the store is empty; a run that was interrupted at any step ends with the
   * weights that it would have had without. Default: a new run, for which a store with an unfinished run is refused.
   */
  resume?: boolean;
  /**
   * What may differ from the run in the store: `'engine'` (backend, GPU, kernels, threads, relaxed SIMD, versions), after which the weights
   * differ in their last bits, or `'data'`. Default: nothing.
   */
  allow?: readonly Difference[];
  /**
   * Receives one sentence when a checkpoint cannot be written, while training goes on, or when a damaged one is passed over. The
   * history lists them too. A run whose first checkpoint, before the first step, cannot be written is refused.
   */
  onProblem?: (problem: string) => void;
}

/** Where a run is. */
interface Position {
  epoch: number;
  /** Batches of the epoch that are done. */
  batch: number;
  /** Whether the run is complete. */
  done: boolean;
  /** The epoch with the best accuracy so far; 0 before the first. */
  best: number;
}

/** A run, as its checkpoints see it. */
export interface CheckpointedRun {
  /** Its facts, which may follow from those of the run in the store that it goes on with. */
  facts(before?: RunFacts): Promise<RunFacts>;
  parts: Record<string, Part>;
  position(): Position;
  /** Receives what `onProblem` receives. */
  note(problem: string): void;
  /** Ends the waiting for the store and for `onProblem`. */
  signal: AbortSignal | undefined;
}

/** Orders alphabetically as in time. The end of epoch 2 is the beginning of epoch 3. */
function nameOf(epoch: number, batch: number): string {
  return `epoch-${String(epoch).padStart(5, '0')}-batch-${String(batch).padStart(7, '0')}`;
}

const NAME = /^epoch-\d{5,}-batch-\d{7,}$/;

/** The checkpoints of a run. */
export class Checkpoints {
  /** Those that can be read, in order. */
  #good: string[] = [];
  #facts!: RunFacts;
  #savedAt = performance.now();
  /** Whether `onProblem` was given up. */
  #isUnheard = false;

  private constructor(
    private readonly options: CheckpointOptions,
    private readonly run: CheckpointedRun,
    private readonly store: StoppedStore,
    private readonly release: () => Promise<void>,
  ) {}

  /**
   * Takes the store, and either brings back the run in it or stores the beginning of a new one.
   *
   * @throws Error, one sentence, when the store is another run's or cannot be written to; RangeError when it has an unfinished
   *   run and `resume` is not set, or that run differs.
   */
  static async open(options: CheckpointOptions, run: CheckpointedRun): Promise<Checkpoints> {
    const store = untilAborted(options.store, run.signal);
    const release = await store.lock();
    if (!FUNCTION.holds(release)) {
      fail(
        'train',
        `lock() of checkpoint.store returned ${shown(release)}; return a function that releases the store.`,
      );
    }
    const checkpoints = new Checkpoints(options, run, store, release);
    try {
      if (!(await checkpoints.#resume())) {
        checkpoints.#facts = await run.facts();
        await checkpoints.#write().catch((error: unknown) => {
          if (store.isStuck) throw error;
          const reason = clauseOf(error);
          throw new Error(`train: nothing was trained, since no checkpoint can be stored: ${reason}.`, {
            cause: error,
          });
        });
      }
      return checkpoints;
    } catch (error) {
      await checkpoints.#giveBack().catch(() => {});
      throw error;
    }
  }

  /** Whether it is time for the next. */
  get due(): boolean {
    return performance.now() - this.#savedAt >= 1000 * (this.options.everySeconds ?? 300);
  }

  /** The name of the last one. */
  get newest(): string | undefined {
    return this.#good.at(-1);
  }

  /** Stores the run as it is now. If that fails, the earlier checkpoints stay. */
  async save(): Promise<void> {
    if (this.store.isStuck) return;
    try {
      await this.#write();
    } catch (error) {
      const reason = clauseOf(error);
      const said = this.store.isStuck
        ? `${this.store.name} had not answered when the run was stopped, so its last checkpoint may be missing.`
        : `a checkpoint could not be stored: ${reason}. Training goes on, and the next checkpoint will be tried.`;
      await this.#report(said);
      this.#savedAt = performance.now();
    }
  }

  /**
   * Brings back the weights after an epoch, and their average; of the last checkpoint if there is none of that epoch.
   *
   * @returns the last complete epoch before it.
   */
  async restoreWeights(epoch: number): Promise<number> {
    const wanted = nameOf(epoch + 1, 0);
    const stored = await this.#open(epoch > 0 && this.#good.includes(wanted) ? wanted : this.#good.at(-1)!);
    try {
      for (const name of ['weights', 'average']) {
        const part = this.run.parts[name];
        if (part) await restore(name, part, stored);
      }
      const { number, batch } = stored.parts.epoch as { number: number; batch: number };
      return batch === 0 ? number - 1 : number;
    } finally {
      await stored.close();
    }
  }

  /** Gives the store back. A store that cannot be given back takes no results with it. */
  async close(): Promise<void> {
    try {
      await this.#giveBack();
    } catch (error) {
      await this.#report(`${this.store.name} could not be released: ${messageOf(error)}`);
    }
  }

  async #giveBack(): Promise<void> {
    const released = Promise.resolve(this.release());
    if (!this.store.isStuck) return released;
    // As long as the store does not answer, this may wait for what came before.
    released.catch(() => undefined);
  }

  async #write(): Promise<void> {
    const { epoch, batch, done, best } = this.run.position();
    const name = nameOf(epoch, batch);
    const { store } = this;
    if (name !== this.#good.at(-1)) {
      const states = Object.entries(this.run.parts).map(([part, of]) => [part, of.state()] as const);
      await store.write(name, encodeCheckpoint({ facts: this.#facts, done }, Object.fromEntries(states)));
      this.#good.push(name);
      const kept = [...this.#good.slice(-2), ...(best > 0 ? [nameOf(best + 1, 0)] : [])];
      for (const old of await this.#names()) if (!kept.includes(old)) await this.#remove(old);
      this.#good = this.#good.filter((one) => kept.includes(one));
    }
    this.#savedAt = performance.now();
  }

  /** Brings back the newest run that can be read; returns whether there is one to go on with. */
  async #resume(): Promise<boolean> {
    const { resume, allow = [] } = this.options;
    const { store } = this;
    const newest = await openNewest('train', store);
    if (!newest) return false;
    const { name, stored, before, damaged } = newest;
    try {
      if (!resume && stored.done) return false;
      if (!resume) {
        fail(
          'train',
          `${store.name} has an unfinished run, up to ${name}; go on with it (resume: true) or choose another store.`,
        );
      }
      this.#facts = await this.run.facts(stored.facts);
      const found = differences(stored.facts, this.#facts, allow);
      if (found.length > 0) {
        const texts = found.map(({ text }) => text).join('; ');
        fail(
          'train',
          `the run in ${store.name} is another: ${texts}. Pass what it began with${wayOn(found, allow)}.`,
        );
      }
      for (const problem of damaged) await this.#report(`${problem} The one before it is used.`);
      for (const [part, of] of Object.entries(this.run.parts)) await restore(part, of, stored);
      this.#good = [...before, name];
      return true;
    } finally {
      await stored.close();
    }
  }

  #open(name: string): Promise<OpenCheckpoint> {
    return openNamed('train', this.store, name);
  }

  #names(): Promise<string[]> {
    return namesIn('train', this.store);
  }

  async #remove(name: string): Promise<void> {
    await this.store.remove(name).catch(async (error: unknown) => {
      if (this.store.isStuck) throw error;
      const reason = clauseOf(error);
      await this.#report(`the old checkpoint ${name} could not be removed: ${reason}.`);
    });
  }

  async #report(problem: string): Promise<void> {
    this.run.note(problem);
    const { signal } = this.run;
    if (this.#isUnheard) return;
    // Once it is aborted, the run ends at its next step.
    this.#isUnheard = await isStopped(signal, () =>
      unlessAborted(signal, () => this.options.onProblem?.(problem)),
    );
  }
}

/** How to go on although a run differs, if nothing that cannot be allowed does. */
function wayOn(found: readonly Found[], allow: readonly Difference[]): string {
  const kinds = found.map(({ kind }) => kind);
  if (kinds.includes(undefined)) return '';
  const all = [...new Set([...allow, ...kinds])].sort();
  return `, or go on all the same with allow: [${all.map((kind) => `'${kind}'`).join(', ')}]`;
}

const STORE = recordOf('a store, such as memoryStore()', {
  lock: FUNCTION,
  list: FUNCTION,
  open: FUNCTION,
});

/**
 * The epochs of the run in a store, as far as they are complete; none if it is empty.
 *
 * @throws RangeError when no checkpoint can be read.
 */
export async function storedEpochs(store: CheckpointStore): Promise<EpochRow[]> {
  checkArguments('storedEpochs', { store }, { store: STORE });

  const newest = await openNewest('storedEpochs', store);
  await newest?.stored.close();
  return (newest?.stored.parts.history as { epochs: EpochRow[] } | undefined)?.epochs ?? [];
}

/** The newest checkpoint of a store that can be read. */
interface Newest {
  name: string;
  stored: OpenCheckpoint;
  /** The names of those before it, in order. */
  before: string[];
  /** A sentence for each newer one, which is damaged. */
  damaged: string[];
}

/** Opens the newest checkpoint that can be read; undefined if the store is empty. */
async function openNewest(where: string, store: CheckpointStore): Promise<Newest | undefined> {
  const before = await namesIn(where, store);
  if (before.length === 0) return undefined;
  const damaged: string[] = [];
  for (let name = before.pop(); name !== undefined; name = before.pop()) {
    try {
      return { name, stored: await openNamed(where, store, name), before, damaged };
    } catch (error) {
      if (!(error instanceof WeightFileError)) throw error;
      damaged.push(error.message);
    }
  }
  return fail(where, `no checkpoint in ${store.name} can be read: ${damaged.join(' ')} Start a new run.`);
}

async function openNamed(where: string, store: CheckpointStore, name: string): Promise<OpenCheckpoint> {
  const source = await store.open(name);
  const what = "what the store's open() returned";
  checkArguments(where, { [what]: source }, { [what]: SOURCE });
  return openCheckpoint(`${store.name}: ${name}`, source);
}

async function namesIn(where: string, store: CheckpointStore): Promise<string[]> {
  const names = await store.list();
  const what = "what the store's list() returned";
  checkArguments(where, { [what]: names }, { [what]: TEXTS });
  return names.filter((name) => NAME.test(name)).sort();
}

async function restore(name: string, part: Part, stored: OpenCheckpoint): Promise<void> {
  part.restore({ values: stored.parts[name] ?? {}, tensors: await stored.tensorsOf(name) });
}
