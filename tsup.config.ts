import { defineConfig } from 'tsup';
import { compileKernels } from './assembly/compile.mjs';

const subpaths = {
  index: 'src/index.ts',
  data: 'src/data/index.ts',
  train: 'src/train/index.ts',
  wasm: 'src/wasm/index.ts',
  weights: 'src/weights/index.ts',
  images: 'src/images/index.ts',
  imagenet: 'src/imagenet/index.ts',
  features: 'src/features/index.ts',
  node: 'src/node/index.ts',
};
const shared = { target: 'es2022', platform: 'neutral', sourcemap: true, splitting: true } as const;

await compileKernels();

export default defineConfig([
  { ...shared, entry: subpaths, format: ['esm', 'cjs'], dts: true, clean: true },
  {
    ...shared,
    entry: { cli: 'src/cli/main.ts' },
    format: ['esm'],
    platform: 'node',
    external: [/^vgg-blocks/],
  },
]);
