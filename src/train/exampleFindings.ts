import { extremes } from '../base/numbers.js';
import type { Batch } from './batch.js';
import { type Advice, eitherOf, type Finding } from './finding.js';
import type { Probe } from './probe.js';

/** Labels from which nothing can be learned. */
export async function labelFinding({ ys }: Batch, classes: number): Promise<Finding | undefined> {
  if (ys.rank !== 1) return undefined;
  const labels = await ys.data();
  const [lowest, highest] = extremes(labels);
  const found = (text: string, advice: Advice): Finding => ({ fault: 'labels', layers: [], text, ...advice });
  if (lowest < 0 || highest >= classes) {
    return found(
      `labels are from ${lowest} to ${highest}, but the model has the classes 0 to ${classes - 1}`,
      eitherOf('build the model with more outputs', 'number the classes from 0'),
    );
  }
  if (lowest === highest && labels.length >= 16) {
    return found(`all ${labels.length} labels of a batch are ${lowest}`, {
      advice: 'check how the labels are read, and that batches with a seed are shuffled',
    });
  }
  return undefined;
}

/** Pixels that are not scaled as networks want them. */
export function inputFindings({ input, loss }: Probe, chance: number): Finding[] {
  if (!input) return [];
  const { lowest, highest, rms } = input;
  const found = (text: string, advice: string): Finding[] => [{ fault: 'input', layers: [], text, advice }];
  if (!Number.isFinite(rms)) return found('the images contain NaN or infinity', 'check how they are read');
  if (lowest === highest)
    return found(`all pixels of a batch are ${lowest}`, 'check how the images are read');
  const range = `the input of the first layer is from ${lowest.toPrecision(3)} to ${highest.toPrecision(3)}`;
  const advice = 'scale the pixels to 0 to 1, or to a mean of 0 and a variance of 1';
  // Some pretrained networks take centered bytes, -124 to 151.
  const isCentered = lowest < 0 && Number.isFinite(loss) && loss < 2 * chance;
  if ((rms > 10 && !isCentered) || rms < 0.01) return found(range, advice);
  return [];
}
