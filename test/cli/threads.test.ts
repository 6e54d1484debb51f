import { availableParallelism } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { useBackend } from '../../src/cli/backend.js';
import { chooseThreads, threadsToTry } from '../../src/cli/threads.js';
import { vgg } from '../../src/index.js';
import { wasmInstallation } from '../../src/tfjs/kernels.js';
import { installWasmKernels } from '../../src/wasm/index.js';

const ARGS = { backend: 'wasm', batch: 4, optimizer: 'sgd' } as const;

afterEach(() => {
  vi.restoreAllMocks();
  installWasmKernels()();
});

test.runIf(availableParallelism() > 1)(
  'a trial chooses the threads of a long run, says so and restores the weights',
  async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const most = threadsToTry(ARGS);
    expect(most).toBeGreaterThan(1);
    await useBackend({ ...ARGS, threads: most });
    const model = vgg([[1, 8]], { inputShape: [16, 16, 1], classes: 10, hiddenUnits: 16, batchNorm: true });
    const values = () => model.getWeights().map((weights) => [...weights.dataSync()]);
    const before = values();
    const chosen = await chooseThreads(ARGS, model, 1e9);
    expect([1, most]).toContain(chosen);
    expect(wasmInstallation()).toMatchObject({ threads: chosen });
    expect(log.mock.calls.flat().join()).toMatch(
      /^(one thread|\d threads): a trial took [\de.+]+ examples\/s with one and [\de.+]+ with \d; --threads chooses without it$/,
    );
    expect(values()).toEqual(before);

    log.mockClear();
    expect(await chooseThreads(ARGS, model, 10)).toBe(1);
    expect(wasmInstallation()).toMatchObject({ threads: 1 });
    expect(log).not.toHaveBeenCalled();
    model.dispose();
  },
);

test('threads are tried on wasm alone, and not if their number is given', () => {
  expect(threadsToTry({ backend: 'cpu' })).toBe(1);
  expect(threadsToTry({ backend: 'wasm', threads: 3 })).toBe(3);
});
