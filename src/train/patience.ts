import type { Part, PartState } from './checkpoint/part.js';

/** Counts the epochs since an accuracy last rose. */
export class Patience implements Part {
  #best: number | null = null;
  #waited = 0;
  /** How often the patience has run out. */
  times = 0;

  /** @param epochs how many epochs it waits for a rise. */
  constructor(readonly epochs: number) {}

  /** Takes the accuracy of an epoch. Returns whether the patience has run out with it; then it starts over. */
  runsOut(accuracy: number): boolean {
    if (this.#best === null || accuracy > this.#best) {
      this.#best = accuracy;
      this.#waited = 0;
      return false;
    }
    if (++this.#waited < this.epochs) return false;
    this.#waited = 0;
    this.times++;
    return true;
  }

  state(): PartState {
    return { values: { best: this.#best, waited: this.#waited, times: this.times } };
  }

  restore({ values }: Required<PartState>): void {
    const { best, waited, times } = values as { best: number | null; waited: number; times: number };
    this.#best = best;
    this.#waited = waited;
    this.times = times;
  }
}
