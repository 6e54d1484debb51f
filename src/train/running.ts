import {
  add,
  cast,
  dispose,
  keep,
  mul,
  type Scalar,
  stack,
  sub,
  type Tensor,
  zeros,
} from '@tensorflow/tfjs-core';
import { held } from '../tfjs/held.js';
import { hasKernel, runOwnKernel } from '../tfjs/kernels.js';

/**
 * Means of loss and accuracy over batches. They are summed on the backend and read only on demand, because each read makes a
 * GPU wait. The sums are compensated (Kahan 1965), so float32 is exact enough for any number of batches, and reading does not
 * affect the results.
 */
export class RunningMeans {
  examples = 0;
  /** The sums, and their rounding errors. */
  private state: [sums: Tensor, excess: Tensor] = [keep(zeros([2])), keep(zeros([2]))];

  /** Adds a batch's mean loss and number of correct examples, and disposes both. */
  add(examples: number, [loss, correct]: Scalar[]): void {
    const [sums, excess] = this.state;
    this.state = held((): [Tensor, Tensor] => {
      if (hasKernel('AddMeans')) {
        const inputs = { sums, excess, loss: loss!, correct: correct! };
        return runOwnKernel('AddMeans', inputs, { examples }) as [Tensor, Tensor];
      }
      const batch = sub(stack([mul(loss!, examples), cast(correct!, 'float32')]), excess);
      const next = add(sums, batch);
      return [next, sub(sub(next, sums), batch)];
    });
    this.examples += examples;
    dispose([sums, excess, loss!, correct!]);
  }

  /** The means over all batches so far. */
  async read(): Promise<{ loss: number; accuracy: number }> {
    const sums = await this.state[0].data();
    const [loss, accuracy] = Array.from(sums, (sum) => sum / Math.max(1, this.examples));
    return { loss: loss!, accuracy: accuracy! };
  }

  /** Starts over. */
  reset(): void {
    this.restore(0, { sums: zeros([2]), excess: zeros([2]) });
  }

  /** The state, which stays with the means. */
  tensors(): Record<'sums' | 'excess', Tensor> {
    const [sums, excess] = this.state;
    return { sums, excess };
  }

  /** Goes on from a number of examples and the `tensors` of then, which it takes over. */
  restore(examples: number, { sums, excess }: Record<string, Tensor>): void {
    this.dispose();
    this.examples = examples;
    this.state = [keep(sums!), keep(excess!)];
  }

  dispose(): void {
    dispose(this.state);
  }
}
