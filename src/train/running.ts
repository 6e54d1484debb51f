import {
  add,
  cast,
  dispose,
  mul,
  type Scalar,
  stack,
  type Tensor1D,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';

/**
 * Means of loss and accuracy over batches. They are summed on the backend and read only when asked for, since each
 * reading makes a GPU wait.
 */
export class RunningMeans {
  examples = 0;
  private readonly sums = [0, 0];
  private pending = zeros([2]) as Tensor1D;

  /** Adds a batch's mean loss and number of right ones, and disposes both. */
  add(examples: number, [loss, correct]: Scalar[]): void {
    const before = this.pending;
    this.pending = tidy(() => add(before, stack([mul(loss!, examples), cast(correct!, 'float32')])));
    this.examples += examples;
    dispose([before, loss!, correct!]);
  }

  /** The means over all batches so far. */
  async read(): Promise<{ loss: number; accuracy: number }> {
    const pending = this.pending;
    // Float32 sums stay exact enough because they begin anew after each reading.
    this.pending = zeros([2]);
    try {
      for (const [i, value] of (await pending.data()).entries()) this.sums[i]! += value;
    } finally {
      pending.dispose();
    }
    const [loss, accuracy] = this.sums.map((sum) => sum / Math.max(1, this.examples));
    return { loss: loss!, accuracy: accuracy! };
  }

  dispose(): void {
    this.pending.dispose();
  }
}

/** A function to await after each batch: every 50 ms it lets timers, signals and the page have a turn. */
export function breathing(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 50) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
