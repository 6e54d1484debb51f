import type { TrainProgress } from 'vgg-blocks/train';

/** Batches that a point of the curves is the mean of. */
export const RECENT_BATCHES = 20;

/** The means of the last batches, from those of the epoch so far, which begin again with each epoch. */
export class RecentMeans {
  /** Sums over all examples from the first report on. */
  private readonly marks: { batches: number; examples: number; loss: number; correct: number }[] = [];
  /** The epoch of the last report, and the sums before it. */
  private epoch = 0;
  private before = { examples: 0, loss: 0, correct: 0 };

  constructor(
    private readonly length: number,
    private readonly batchSize: number,
  ) {}

  at({ epoch, batch, done, loss, accuracy }: TrainProgress): { loss: number; accuracy: number } {
    const last = this.marks.at(-1);
    if (last && epoch !== this.epoch) this.before = last;
    this.epoch = epoch;
    const inEpoch = Math.min(batch * this.batchSize, this.length);
    const { before } = this;
    this.marks.push({
      batches: done,
      examples: before.examples + inEpoch,
      loss: before.loss + inEpoch * loss,
      correct: before.correct + inEpoch * accuracy,
    });
    const now = this.marks.at(-1)!;
    while (this.marks.length > 2 && this.marks[1]!.batches <= done - RECENT_BATCHES) this.marks.shift();
    const first = this.marks[0]!;
    const from = first !== now && first.batches <= done - RECENT_BATCHES ? first : undefined;
    const { examples, loss: summed, correct } = from ?? { examples: 0, loss: 0, correct: 0 };
    const count = now.examples - examples;
    return { loss: (now.loss - summed) / count, accuracy: (now.correct - correct) / count };
  }
}
