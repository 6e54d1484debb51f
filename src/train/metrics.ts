import { largestOf } from '../base/numbers.js';
import { type Confusion, confusion } from './confusion.js';

/** How well a classifier does on labeled examples. Plain data that survives JSON. */
export interface Evaluation {
  /** Number of examples. */
  examples: number;
  /** Mean cross-entropy. */
  loss: number;
  /** Fraction of the examples classified correctly (top-1), 0 to 1. */
  accuracy: number;
  /** Fraction whose class is among the five most probable; null with five classes or fewer, where it would be 1. */
  top5Accuracy: number | null;
  /**
   * Expected calibration error, 0 to 1: how far the probability of the predicted class is from the fraction classified correctly,
   * averaged over 15 bins of equal width, each weighted by its examples (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
   */
  calibrationError: number;
  /** What was taken for what, with precision, recall and F1 of each class. */
  confusion: Confusion;
}

const BINS = 15;

/** Measures predictions as they come, batch by batch, in double precision. */
export class Metrics {
  private loss = 0;
  private inTop5 = 0;
  /** In each bin of confidence: the sum of the confidences less the number of correct predictions. */
  private readonly gaps = new Float64Array(BINS);
  private readonly labels: number[] = [];
  private readonly predicted: number[] = [];

  /** @param names of the classes, as far as they are known; the others are numbered. */
  constructor(
    private readonly classes: number,
    private readonly names: readonly string[] = [],
  ) {}

  /**
   * @param logits unnormalized log-probabilities, `[batch, classes]`.
   * @param labels the correct classes, `[batch]`, each from 0 to classes - 1.
   */
  add(logits: ArrayLike<number>, labels: ArrayLike<number>): void {
    for (let i = 0; i < labels.length; i++) this.addOne(logits, i * this.classes, labels[i]!);
  }

  private addOne(logits: ArrayLike<number>, at: number, label: number): void {
    const { classes } = this;
    const own = logits[at + label]!;
    const best = largestOf(logits, at, classes);
    let before = 0;
    for (let j = 0; j < classes; j++) {
      const value = logits[at + j]!;
      if (value > own || (value === own && j < label)) before++;
    }
    const highest = logits[at + best]!;
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(logits[at + j]! - highest);
    // Beside large logits a double would lose the logarithm.
    this.loss += Math.log(sum) + (highest - own);
    if (before < 5) this.inTop5++;
    // The probability of the predicted class is exp(0) / sum.
    const confidence = 1 / sum;
    // NaN, which has no bin, must not be lost.
    const bin = Math.ceil(confidence * BINS) || 1;
    this.gaps[bin - 1]! += confidence - Number(best === label);
    this.labels.push(label);
    this.predicted.push(best);
  }

  result(): Evaluation {
    const examples = this.labels.length;
    const names = Array.from({ length: this.classes }, (_, i) => this.names[i] ?? String(i));
    const found = confusion(this.labels, this.predicted, names);
    return {
      examples,
      loss: this.loss / examples,
      accuracy: found.accuracy,
      top5Accuracy: this.classes > 5 ? this.inTop5 / examples : null,
      calibrationError: this.gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / examples,
      confusion: found,
    };
  }
}
