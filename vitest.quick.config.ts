import { defineConfig } from 'vitest/config';
import whole from './vitest.config.js';

/**
 * `npm run test:quick`, for the loop of editing: Node alone, the wasm backend alone, and nothing that takes long. It leaves
 * out what starts processes, browsers or a build, and the longest computations.
 */
export default defineConfig({
  resolve: whole.resolve,
  test: {
    testTimeout: 120_000,
    setupFiles: ['test/support/seeded.ts'],
    provide: { quick: true },
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/**/*.browser.test.ts',
      'test/{bench,cli,package,peer,site}/**',
      'test/{docs,docsSamples,layers}.test.ts',
      'test/node/{interruptedSave,transferExample,webgpu}.test.ts',
      'test/wasm/{conv2d,convolution,depth,filters,install,isolated,kernels,steps,threads}.test.ts',
      'test/weights/{hdf5Hostile,hostile,loadPath}.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
  },
});
