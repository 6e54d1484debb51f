import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLog, type TensorBoardWriter, tensorBoardWriter, writeFileAtomic } from 'vgg-blocks/node';
import { curves, type EpochRow, historyCsv, type StepRow } from 'vgg-blocks/train';
import { messageOf } from '../base/realm.js';
import { complain } from './wording.js';

/** What a run writes while it goes on, so that it can be looked at. */
export interface RunLog {
  /**
   * Opens the files, to go on after epochs of the run before it was interrupted.
   *
   * @throws Error, one sentence, when `steps.jsonl` or TensorBoard's events cannot be written.
   */
  open(before: readonly EpochRow[]): Promise<void>;
  /** Adds a line to `steps.jsonl`; undefined unless it was asked for. */
  onStep?: (row: StepRow) => void;
  /** Writes `history.csv` and `curves.svg` again, and adds to TensorBoard's events. */
  onEpoch(row: EpochRow): Promise<void>;
  /** Waits for what is to be written. A closed log may be closed again. */
  close(): Promise<void>;
}

/**
 * The log of a run in a folder. What cannot be written, for instance because the disk is full, is reported and tried again with what
 * follows, and the run goes on.
 */
export function runLog(
  folder: string,
  { logSteps, tensorboard }: { logSteps?: true; tensorboard?: true } = {},
): RunLog {
  const epochs: EpochRow[] = [];
  let steps: StepLines | undefined;
  let board: TensorBoardWriter | undefined;
  const addStep = inOrder((row: StepRow) => steps!.add(row));
  const addEpoch = inOrder((row: EpochRow) => board!.addEpoch(row));
  const reported = new Set<string>();
  const tried = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      const message = messageOf(error);
      if (!reported.has(message)) complain(message);
      reported.add(message);
    });
  let pending = Promise.resolve();
  let closed: Promise<void> | undefined;
  const close = async () => {
    await pending;
    await tried(addStep());
    await tried(addEpoch());
    await steps?.close();
    await board?.close();
  };
  return {
    async open(before) {
      epochs.push(...before);
      if (logSteps) steps = await openSteps(join(folder, 'steps.jsonl'));
      if (tensorboard) board = await tensorBoardWriter(folder);
    },
    ...(logSteps && {
      onStep(row: StepRow) {
        pending = pending.then(() => tried(addStep(row)));
      },
    }),
    async onEpoch(row) {
      const numbered = { ...row, epoch: epochs.length + 1 };
      epochs.push(numbered);
      // A run that is stopped meanwhile does not wait for this, but `close` does.
      pending = pending.then(async () => {
        await tried(writeFileAtomic(join(folder, 'history.csv'), historyCsv({ epochs })));
        await tried(writeFileAtomic(join(folder, 'curves.svg'), curves({ epochs })));
        if (board) await tried(addEpoch(numbered));
      });
      await pending;
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** Adds items in order: one that fails is added before the next, or when there is none. */
function inOrder<T>(add: (item: T) => Promise<void>): (item?: T) => Promise<void> {
  const waiting: T[] = [];
  return async (item) => {
    if (item !== undefined) waiting.push(item);
    while (waiting.length > 0) {
      await add(waiting[0]!);
      waiting.shift();
    }
  };
}

interface StepLines {
  add(row: StepRow): Promise<void>;
  close(): Promise<void>;
}

/** The lines of steps. Of an earlier run those before the first new step stay: all of a run that goes on, none of another. */
async function openSteps(path: string): Promise<StepLines> {
  // Fails now if it cannot be written, not after the first step.
  let file = await openLog(path, { append: true });
  let begun = false;
  return {
    async add(row) {
      if (!begun) {
        const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => stepOf(line) < row.step);
        const missing = row.step - 1 - lines.length;
        if (missing > 0)
          complain(`${path} lacks ${missing} of the steps before ${row.step}, which were not written.`);
        await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(''));
        await file.close();
        file = await openLog(path, { append: true });
        begun = true;
      }
      await file.append(`${JSON.stringify(row)}\n`);
    },
    close: () => file.close(),
  };
}

/** The step of a line; infinite for one that a killed run did not complete. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as StepRow).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
