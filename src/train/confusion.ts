import { checkArguments, NUMBERS, TEXTS } from '../base/arguments.js';
import { fail } from '../base/check.js';

/** How often examples of each class were classified as each class. */
export interface Confusion {
  classNames: readonly string[];
  /** Number of examples of class `i` that were classified as class `j`, `[i][j]`. */
  counts: number[][];
  /** Fraction of all examples classified correctly, 0 to 1. */
  accuracy: number;
  classes: {
    name: string;
    examples: number;
    /** Fraction of its examples classified correctly; null if it has none. */
    recall: number | null;
    /** Fraction of the examples classified as this class that belong to it; null if there are none. */
    precision: number | null;
    /** Harmonic mean of the two; null if the class has no examples and none was classified as it. */
    f1: number | null;
  }[];
  /** The pairs of classes that were confused, the most frequent first. */
  mistakes: { actual: string; predicted: string; examples: number }[];
}

/**
 * Counts the classes that a classifier confuses.
 *
 * @param labels the correct class of each example.
 * @param predicted its predicted class, as returned by `predictClasses`.
 * @throws RangeError when the numbers of labels and predictions differ, or a class has no name.
 */
export function confusion(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classNames: readonly string[],
): Confusion {
  checkArguments(
    'confusion',
    { labels, predicted, classNames },
    { labels: NUMBERS, predicted: NUMBERS, classNames: TEXTS },
  );

  if (labels.length !== predicted.length) {
    fail(
      'confusion',
      `there are ${labels.length} labels and ${predicted.length} predictions; pass one of each for every example.`,
    );
  }
  const counts = classNames.map(() => classNames.map(() => 0));
  for (let i = 0; i < labels.length; i++) {
    const [is, taken] = [labels[i]!, predicted[i]!];
    if (counts[is]?.[taken] === undefined) {
      fail(
        'confusion',
        `example ${i} is of class ${is} and was classified as ${taken}, but there are ${classNames.length} names; pass a name for every class.`,
      );
    }
    counts[is]![taken]!++;
  }
  const sum = (row: readonly number[]) => row.reduce((total, count) => total + count, 0);
  const fraction = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  const right = sum(counts.map((row, i) => row[i]!));
  return {
    classNames,
    counts,
    accuracy: fraction(right, labels.length) ?? 0,
    classes: classNames.map((name, i) => {
      const [hits, examples, taken] = [counts[i]![i]!, sum(counts[i]!), sum(counts.map((row) => row[i]!))];
      return {
        name,
        examples,
        recall: fraction(hits, examples),
        precision: fraction(hits, taken),
        f1: fraction(2 * hits, examples + taken),
      };
    }),
    mistakes: counts
      .flatMap((row, i) =>
        row.flatMap((examples, j) =>
          i === j || examples === 0 ? [] : { actual: classNames[i]!, predicted: classNames[j]!, examples },
        ),
      )
      .sort((a, b) => b.examples - a.examples),
  };
}
