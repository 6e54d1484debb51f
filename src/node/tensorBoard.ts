import { hostname } from 'node:os';
import { join } from 'node:path';
import { COUNT, checkArguments, kind, NUMBER, nullable, recordOf } from '../base/arguments.js';
import { tag } from '../base/check.js';
import type { EpochRow } from '../train/index.js';
import { encodeEvent } from '../train/index.js';
import { openLogFor } from './logFile.js';
import { PATH } from './path.js';

const STEP = kind('a whole number from 0 to 9007199254740991', COUNT.holds);
const SCALARS = kind(
  'an object of numbers',
  (value) => tag(value) === 'Object' && Object.values(value as object).every(nullable(NUMBER).holds),
);
const MEASURED = [
  'loss',
  'testLoss',
  'validationLoss',
  'trainAccuracy',
  'testAccuracy',
  'validationAccuracy',
];
const ROW = recordOf("a row of train's history", {
  epoch: COUNT,
  ...Object.fromEntries(
    [...MEASURED, 'learningRate', 'examplesPerSecond'].map((name) => [name, nullable(NUMBER)]),
  ),
});

/** The writers of this process so far, which TensorBoard's own names count too. */
let writers = 0;

/** Writes what TensorBoard shows. */
export interface TensorBoardWriter {
  /** Adds a number to each chart named; null is left out. */
  add(step: number, scalars: Readonly<Record<string, number | null | undefined>>): Promise<void>;
  /** Adds the results of an epoch; pass it as `onEpoch`. */
  addEpoch(row: EpochRow): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens an event file for TensorBoard in a folder, under a name of its own: `tensorboard --logdir FOLDER` shows its numbers while
 * they are added.
 *
 * @throws Error, one sentence with the path, also from the writer's functions; what was added before stays readable.
 * @example
 * const board = await tensorBoardWriter('runs/latest');
 * await train(model, data, { onEpoch: board.addEpoch });
 * await board.close();
 */
export async function tensorBoardWriter(folder: string): Promise<TensorBoardWriter> {
  checkArguments('tensorBoardWriter', { folder }, { folder: PATH });

  const now = () => Date.now() / 1000;
  const name = `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.${writers++}`;
  const log = await openLogFor('tensorBoardWriter', join(folder, name), { append: true });
  await log
    .append(encodeEvent({ wallTime: now(), fileVersion: 'brain.Event:2' }))
    .catch(async (error: unknown) => {
      await log.close();
      throw error;
    });
  const add: TensorBoardWriter['add'] = async (step, scalars) => {
    checkArguments('tensorBoardWriter', { step, scalars }, { step: STEP, scalars: SCALARS });
    const known = Object.entries(scalars).filter((pair): pair is [string, number] => pair[1] != null);
    await log.append(encodeEvent({ wallTime: now(), step, scalars: Object.fromEntries(known) }));
  };
  return {
    add,
    async addEpoch(row) {
      checkArguments('tensorBoardWriter', { row }, { row: ROW });
      await add(row.epoch, {
        'loss/train': row.loss,
        'loss/test': row.testLoss,
        'loss/validation': row.validationLoss,
        'accuracy/train': row.trainAccuracy,
        'accuracy/test': row.testAccuracy,
        'accuracy/validation': row.validationAccuracy,
        learning_rate: row.learningRate,
        examples_per_second: row.examplesPerSecond,
      });
    },
    close: log.close,
  };
}
