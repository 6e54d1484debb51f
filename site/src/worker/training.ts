import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Dataset } from 'vgg-blocks/data';
import { type Examples, type History, indexedDbStore, type TrainProgress, train } from 'vgg-blocks/train';
import type { Choice } from '../state/choice.js';
import { fitted } from './data.js';
import { RecentMeans } from './recentMeans.js';
import { type Snapshot, snapshotOf } from './snapshot.js';

/** The part of the choice that a run depends on. */
export type TrainRequest = Pick<Choice, 'epochs' | 'batchSize' | 'optimizer' | 'rate' | 'cosine' | 'seed'>;

/** Receives a run's progress. */
export interface TrainEvents {
  progress(progress: TrainProgress): void;
  epoch(row: History['epochs'][number]): void;
  /** The weights so far, in case the worker is lost; `held` if nothing changes them until the run is resumed. */
  snapshot(snapshot: Snapshot, held: boolean): void;
}

/** Where a run keeps its checkpoints, and whether it goes on from them. */
export interface Keeping {
  /** A database; undefined where the browser keeps nothing. */
  store?: string;
  resume: boolean;
}

/** Bytes of weights for which a checkpoint may take a second. */
const BYTES_PER_SECOND = 5e6;

/** Snapshots are at least this far apart, and far enough that they take at most a twentieth of the time. */
const SNAPSHOT = { minimumMs: 10_000, timesItsCost: 20 };

/** A training run that can be paused and stopped. */
export class Run {
  private readonly abort = new AbortController();
  private held: Promise<void> | undefined;
  private release: (() => void) | undefined;
  private heldMs = 0;
  private saved = { at: performance.now(), costMs: 0 };
  private securing: Promise<void> | undefined;

  constructor(
    private readonly model: LayersModel,
    private readonly events: TrainEvents,
  ) {}

  /** Trains to the end, or until it is stopped. */
  async go(data: Dataset, request: TrainRequest, { store, resume }: Keeping): Promise<History> {
    const shape = this.model.inputs[0]!.shape.slice(1) as number[];
    const { epochs, batchSize, optimizer, rate, cosine, seed } = request;
    const pace = new Pace();
    const recent = new RecentMeans(data.trainSet.length, batchSize);
    const history = await train(
      this.model,
      { trainSet: this.pausable(fitted(data.trainSet, shape)), testSet: fitted(data.testSet, shape) },
      {
        epochs,
        batchSize,
        optimizer,
        learningRate: rate,
        schedule: cosine ? 'cosine' : 'constant',
        seed,
        signal: this.abort.signal,
        checkpoint: store
          ? {
              store: indexedDbStore(store),
              resume,
              everySeconds: Math.max(10, (4 * this.model.countParams()) / BYTES_PER_SECOND),
              // The network may have moved to another backend.
              allow: ['engine'],
            }
          : undefined,
        onProgress: (progress) => {
          const { done, total } = progress;
          const now = performance.now() - this.heldMs;
          const examplesPerSecond = pace.at(done * batchSize, now, progress.examplesPerSecond);
          const secondsLeft = ((total - done) * batchSize) / examplesPerSecond;
          this.events.progress({ ...progress, ...recent.at(progress), examplesPerSecond, secondsLeft });
        },
        onEpoch: async (row) => {
          this.events.epoch(row);
          await (row.epoch === 1 ? this.secure() : this.secureIfDue());
        },
      },
    );
    // A run that is stopped meanwhile does not wait for it.
    await this.securing;
    return history;
  }

  pause(): void {
    this.held ??= new Promise((resolve) => {
      this.release = resolve;
    });
  }

  resume(): void {
    this.release?.();
    this.held = undefined;
  }

  stop(): void {
    this.abort.abort();
    this.resume();
  }

  /** The same examples, but the next batch waits while the run is paused. */
  private pausable(examples: Examples): Examples {
    const wait = async () => {
      const since = performance.now();
      if (this.held) await this.secure(true);
      while (this.held) await this.held;
      this.heldMs += performance.now() - since;
      if (!this.abort.signal.aborted) await this.secureIfDue();
    };
    const { length, shape, classNames } = examples;
    return {
      length,
      shape,
      classNames,
      async *batches(options) {
        for await (const batch of examples.batches(options)) {
          await wait();
          yield batch;
        }
      },
    };
  }

  private async secureIfDue(): Promise<void> {
    const { at, costMs } = this.saved;
    if (performance.now() - at >= Math.max(SNAPSHOT.minimumMs, SNAPSHOT.timesItsCost * costMs))
      await this.secure();
  }

  /** Sends the weights to the page. */
  private secure(held = false): Promise<void> {
    const send = async () => {
      const start = performance.now();
      this.events.snapshot(await snapshotOf(this.model), held);
      this.saved = { at: performance.now(), costMs: performance.now() - start };
    };
    this.securing = send();
    return this.securing;
  }
}

/** Examples per second over the last seconds, pauses excluded. */
class Pace {
  private readonly marks: [done: number, ms: number][] = [];

  /** @param otherwise the pace at the first report. */
  at(done: number, ms: number, otherwise: number): number {
    this.marks.push([done, ms]);
    while (this.marks.length > 2 && this.marks[1]![1] < ms - 5000) this.marks.shift();
    const [from, since] = this.marks[0]!;
    return done > from ? (1000 * (done - from)) / Math.max(1, ms - since) : otherwise;
  }
}
