import { fail } from '../base/check.js';

/** How often the examples of each class were taken for which. */
export interface Confusion {
  classNames: readonly string[];
  /** Examples of class `i` that were taken for class `j`, `[i][j]`. */
  counts: number[][];
  /** Share of all that was classified right, 0 to 1. */
  accuracy: number;
  classes: {
    name: string;
    examples: number;
    /** Share of its examples that was recognized; null where it has none. */
    recall: number | null;
    /** Share right of what was taken for it; null where nothing was. */
    precision: number | null;
  }[];
  /** What was mistaken for what, the most frequent first. */
  mistakes: { is: string; takenFor: string; examples: number }[];
}

/**
 * Counts what a classifier confuses.
 *
 * @param labels the right class of each example.
 * @param predicted what it was taken for, as `predictClasses` gives it.
 * @throws RangeError when there are more of one than of the other, or a class has no name.
 */
export function confusion(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classNames: readonly string[],
): Confusion {
  if (labels.length !== predicted.length) {
    fail(
      'confusion',
      `there are ${labels.length} labels and ${predicted.length} predictions; give one for each.`,
    );
  }
  const counts = classNames.map(() => classNames.map(() => 0));
  for (let i = 0; i < labels.length; i++) {
    const [is, taken] = [labels[i]!, predicted[i]!];
    if (counts[is]?.[taken] === undefined) {
      fail(
        'confusion',
        `example ${i} is of class ${is} and was taken for ${taken}, and there are ${classNames.length} names.`,
      );
    }
    counts[is]![taken]!++;
  }
  const sum = (row: readonly number[]) => row.reduce((total, count) => total + count, 0);
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  const right = sum(counts.map((row, i) => row[i]!));
  return {
    classNames,
    counts,
    accuracy: share(right, labels.length) ?? 0,
    classes: classNames.map((name, i) => ({
      name,
      examples: sum(counts[i]!),
      recall: share(counts[i]![i]!, sum(counts[i]!)),
      precision: share(counts[i]![i]!, sum(counts.map((row) => row[i]!))),
    })),
    mistakes: counts
      .flatMap((row, i) =>
        row.map((examples, j) => ({
          is: classNames[i]!,
          takenFor: classNames[j]!,
          examples: i === j ? 0 : examples,
        })),
      )
      .filter(({ examples }) => examples > 0)
      .sort((a, b) => b.examples - a.examples),
  };
}
