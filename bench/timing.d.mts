export type Clock = 'wall' | 'processor';

export const CLOCKS: Record<Clock, () => number>;

export interface TimesOptions {
  clock: Clock;
  /** At least how many runs are measured. Default 1. */
  runs?: number;
  /** Runs before those measured. Default 0. */
  warmUp?: number;
  /** At least how long is measured, in seconds of the clock. Default 0. */
  seconds?: number;
  /** Runs before each run and is not measured. */
  beforeEach?: () => void;
}

export function timesOf(run: () => unknown, options: TimesOptions): Promise<number[]>;
