import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Options } from 'tsup';
import { compileKernels } from './assembly/compile.mjs';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const subpaths = {
  index: 'src/index.ts',
  data: 'src/data/index.ts',
  train: 'src/train/index.ts',
  wasm: 'src/wasm/index.ts',
  webgpu: 'src/webgpu/index.ts',
  weights: 'src/weights/index.ts',
  images: 'src/images/index.ts',
  imagenet: 'src/imagenet/index.ts',
  features: 'src/features/index.ts',
  compress: 'src/compress/index.ts',
  node: 'src/node/index.ts',
};
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const shared = {
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  define: { VGG_BLOCKS_VERSION: JSON.stringify(version) },
} as const;

/** Dependencies without a CommonJS build. Jest and older engines cannot require them, so our CommonJS build holds them. */
const esmOnly = ['@noble/hashes', 'fast-png'];

/** Writes the licences of all bundled packages beside the bundle. */
const thirdPartyLicences: Plugin = {
  name: 'third-party-licences',
  setup({ initialOptions, onEnd }) {
    initialOptions.metafile = true;
    onEnd(({ metafile }) => {
      const inputs = Object.keys(metafile!.inputs).join('\n');
      const folders = new Set(inputs.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/gm));
      const notices = [...folders].sort().map((folder) => {
        const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
        const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
        if (!licence) throw new Error(`${name} has no licence file, and so cannot be bundled.`);
        return `${name} ${version}\n\n${readFileSync(join(folder, licence), 'utf8').trim()}\n`;
      });
      const intro = 'The CommonJS build contains code of these packages.\n';
      writeFileSync(
        join(initialOptions.outdir!, 'THIRD-PARTY-LICENSES.txt'),
        [intro, ...notices].join('\n\n'),
      );
    });
  },
};

await compileKernels();

// The program of threads is a file of its own, which both builds start.
const modules: Options = {
  ...shared,
  entry: { ...subpaths, imageThread: 'src/node/imageThread.ts' },
  format: 'esm',
};
const commandLine: Options = {
  ...shared,
  entry: { cli: 'src/cli/main.ts' },
  format: 'esm',
  platform: 'node',
  external: [/^vgg-blocks/],
};

// `--no-dts` builds what the command line runs, which takes a fortieth of the time, and leaves the rest as it is.
export default defineConfig(({ dts }) =>
  dts === false
    ? [modules, commandLine]
    : [
        { ...modules, clean: true },
        {
          ...shared,
          entry: subpaths,
          format: 'cjs',
          noExternal: esmOnly,
          esbuildPlugins: [thirdPartyLicences],
          define: { 'import.meta.url': '__filename' },
        },
        { ...shared, entry: subpaths, format: ['esm', 'cjs'], dts: { only: true } },
        commandLine,
      ],
);
