import { defineConfig } from 'vitest/config';
import whole, { NODE_ONLY, WITHOUT_BACKEND } from './vitest.config.js';

/** `npm run test:tfjs-node`: the tests that hold for every backend, on TensorFlow's; see CONTRIBUTING.md. */
export default defineConfig({
  resolve: whole.resolve,
  test: {
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/support/tfjsNode.ts'],
    setupFiles: ['test/support/seeded.ts'],
    provide: { backend: 'tensorflow' },
    include: ['test/**/!(*.browser).test.ts'],
    exclude: [
      ...[...NODE_ONLY, ...WITHOUT_BACKEND, 'test/{wasm,webgpu}/**'],
      // TensorFlow takes what the machine has: on a large one nothing fails.
      'test/train/outOfMemory.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
  },
});
