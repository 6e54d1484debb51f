import { join } from 'node:path';
import { type LogFile, openLog, tensorBoardWriter, writeFileAtomic } from 'vgg-blocks/node';
import { curves, type EpochRow, historyCsv, type StepRow } from 'vgg-blocks/train';
import { messageOf } from '../base/realm.js';

/** What a run writes while it goes on, so that it can be looked at. */
export interface RunLog {
  /** Adds a line to `steps.jsonl`; undefined unless it was asked for. */
  onStep?: (row: StepRow) => void;
  /** Writes `history.csv` and `curves.svg` again, and adds to TensorBoard's events. */
  onEpoch(row: EpochRow): Promise<void>;
  /** The epochs so far, numbered consecutively. */
  readonly epochs: readonly EpochRow[];
  close(): Promise<void>;
}

/** The options of {@link openRunLog}. */
export interface RunLogOptions {
  /** Epochs of the run before it was interrupted. */
  before?: readonly EpochRow[];
  logSteps?: true;
  tensorboard?: true;
}

/** Opens the logs of a run. What cannot be written, for instance because the disk is full, is reported, and the run goes on. */
export async function openRunLog(
  folder: string,
  { before = [], logSteps, tensorboard }: RunLogOptions = {},
): Promise<RunLog> {
  const epochs = [...before];
  const steps = logSteps && (await openLog(join(folder, 'steps.jsonl'), { append: before.length > 0 }));
  const board = tensorboard && (await tensorBoardWriter(folder));
  const reported = new Set<string>();
  const tried = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      const message = messageOf(error);
      if (!reported.has(message)) console.error(message);
      reported.add(message);
    });
  let pending = Promise.resolve();
  return {
    epochs,
    ...(steps && { onStep: (row: StepRow) => (pending = pending.then(() => tried(line(steps, row)))) }),
    async onEpoch(row) {
      const numbered = { ...row, epoch: epochs.length + 1 };
      epochs.push(numbered);
      await pending;
      await tried(writeFileAtomic(join(folder, 'history.csv'), historyCsv({ epochs })));
      await tried(writeFileAtomic(join(folder, 'curves.svg'), curves({ epochs })));
      if (board) await tried(board.addEpoch(numbered));
    },
    async close() {
      await pending;
      await steps?.close();
      await board?.close();
    },
  };
}

function line(file: LogFile, row: StepRow): Promise<void> {
  return file.append(`${JSON.stringify(row)}\n`);
}
