import { describe, expect, test } from 'vitest';
import { Patience } from '../../src/train/patience.js';
import { checkSchedule, rateFactor, type Schedule } from '../../src/train/schedules.js';
import reference from '../fixtures/schedules.json' with { type: 'json' };

const OPTIONS: Record<string, Schedule> = {
  constant: 'constant',
  step: { name: 'step', every: 3 },
  cosine: 'cosine',
  plateau: { name: 'plateau', patience: 2 },
};

describe('schedules', () => {
  const { epochs, batches, accuracies } = reference;

  test.each(Object.entries(reference.cases))('%s has the rates of PyTorch', (name, expected) => {
    const [schedule, warmupEpochs] = name.split(' ') as [string, string];
    const plan = checkSchedule('test', OPTIONS[schedule], {
      ...{ epochs, batches, warmupEpochs: Number(warmupEpochs) },
    });
    let patience = new Patience(plan.options.patience ?? Number.POSITIVE_INFINITY);
    const rates = accuracies.flatMap((accuracy, epoch) => {
      const rates = Array.from({ length: batches }, (_, i) =>
        rateFactor(plan, epoch * batches + i, patience.times),
      );
      patience.runsOut(accuracy);
      // A run may be resumed after any epoch.
      const { values } = JSON.parse(JSON.stringify(patience.state()));
      patience = new Patience(patience.epochs);
      patience.restore({ values, tensors: {} });
      return rates;
    });
    for (const [step, rate] of rates.entries()) {
      expect(Math.abs(rate - expected[step]!), `step ${step}`).toBeLessThan(1e-12);
    }
  });
});
