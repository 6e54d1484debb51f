import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { compileKernels } from './assembly/compile.mjs';
import { vitestStress } from './test/stress/plugins.js';
import { CHROMIUM, hasChromium } from './test/support/chromium.js';

await compileKernels();

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** What is about Node: files, processes, its modules and how they are packed. */
export const NODE_ONLY = [
  'test/*.test.ts',
  'test/{bench,cli,node,package,peer,site,stress}/**',
  'test/data/datasets.test.ts',
  'test/features/refused.test.ts',
  'test/io/{download,read,sibling}.test.ts',
  'test/tfjs/copies.test.ts',
  'test/wasm/{guard,install,isolated,memory,relaxedSimd,shares,threads,withoutKernels}.test.ts',
  'test/webgpu/{fewWorkgroups,lowestLimits,manySteps,programNames}.test.ts',
  'test/weights/{hub,loadPath,onnx,pretrained,publishedNetwork,recognize,roundTrip,shards}.test.ts',
];

/** What computes nothing on a backend, or on wasm whatever the run is about: one run in a browser is enough. */
export const WITHOUT_BACKEND = [
  'test/io/**',
  'test/core/params.test.ts',
  'test/base/**',
  'test/compress/{eigen,ranks}.test.ts',
  'test/data/{idx,layout}.test.ts',
  'test/data/garments/**',
  'test/weights/{error,hdf5,hdf5Hostile,numbers,published,scatter}.test.ts',
];

/**
 * What takes minutes on a GPU in software, and is the same there: runs of `train` around its steps, methods of `explain` of
 * many forward passes, and which tensor of a file is which weight. Other tests take such steps and passes.
 */
const SLOW_ON_GPU = [
  'test/{core/fullyConvolutional,train/views}.test.ts',
  'test/compress/{compress,quantizing}.test.ts',
  'test/train/{checkpoint,diagnose,options,ownOptimizer,seededLayers,teacher,trainInParts}.test.ts',
  'test/features/{anyModel,attributions,cacheFeatures,encodedImages,explainMethods}.test.ts',
  'test/features/{freeze,perceptual,recurrent}.test.ts',
  'test/weights/{configuration,dialects,hostile}.test.ts',
];

/** What WebGL does in a quarter of the time: there, it is repeated. */
const SLOW_ON_WEBGPU = ['test/train/train.test.ts', 'test/features/{style,transferHead}.test.ts'];

const node: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'node',
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.browser.test.ts', 'test/stress/**'],
    provide: { hasChromium },
    pool: 'forks',
    maxWorkers: 2,
  },
};

/** Tests of the kernels with thresholds so low that small shapes take every path. */
const stress: TestProjectInlineConfiguration = {
  extends: true,
  plugins: [vitestStress()],
  test: {
    name: 'stress',
    include: [
      'test/stress/*.test.ts',
      'test/wasm/{batchNorm,bounds,corners,epilogue,oddMaps,oddNumbers,pool}.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
  },
};

/** The tests of all backends and those of browsers, in Chromium, once for each of its backends. */
const chromium: TestProjectInlineConfiguration = {
  extends: true,
  // All of them at once: one that is found on the way would load the page anew.
  optimizeDeps: {
    noDiscovery: true,
    include: [
      '@noble/hashes/legacy.js',
      '@noble/hashes/sha2.js',
      '@tensorflow/tfjs-backend-cpu',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-webgl',
      '@tensorflow/tfjs-backend-webgpu',
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-layers',
      'fast-check',
      'fast-png',
      'fflate',
    ],
  },
  test: {
    globalSetup: ['test/support/browserServer.ts'],
    sequence: { groupOrder: 1 },
    exclude: NODE_ONLY,
    browser: {
      enabled: true,
      provider: playwright({ launchOptions: CHROMIUM }),
      headless: true,
      screenshotFailures: false,
      instances: [
        {
          browser: 'chromium',
          name: 'wasm',
          provide: { backend: 'wasm' },
          include: ['test/**/*.test.ts'],
          exclude: [...NODE_ONLY, 'test/webgpu/**'],
        },
        ...(['webgl', 'webgpu'] as const).map((backend) => ({
          browser: 'chromium' as const,
          name: backend,
          provide: { backend },
          include: ['test/**/!(*.browser).test.ts'],
          exclude: [
            ...[...NODE_ONLY, ...WITHOUT_BACKEND, ...SLOW_ON_GPU, 'test/wasm/**'],
            ...(backend === 'webgpu' ? SLOW_ON_WEBGPU : ['test/webgpu/**']),
          ],
        })),
      ],
    },
  },
};

export default defineConfig({
  resolve: {
    alias: [
      { find: /^vgg-blocks$/, replacement: src('index.ts') },
      { find: /^vgg-blocks\/(\w+)$/, replacement: src('$1/index.ts') },
    ],
  },
  test: {
    // The longest takes 30 seconds where the machine does nothing else.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // By default it waits for a second.
    expect: { poll: { timeout: 60_000 } },
    setupFiles: ['test/support/seeded.ts'],
    projects: hasChromium ? [node, stress, chromium] : [node, stress],
  },
});
