import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin as EsbuildPlugin } from 'esbuild';
import type { Plugin } from 'vite';
import { kernelsModule } from '../../assembly/compile.mjs';
import { lowered } from './thresholds.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const BINARIES = 'src/wasm/binaries.ts';

let kernels: Promise<string> | undefined;

/** A file of the library with its thresholds lowered; for the kernels, those compiled from such files. */
async function loweredFile(path: string): Promise<string | undefined> {
  const file = relative(root, path.split('?')[0]!);
  if (file === BINARIES) {
    kernels ??= kernelsModule((name, text) => lowered(`assembly/${name}`, text));
    return kernels;
  }
  if (!file.startsWith('src/wasm/')) return undefined;
  return lowered(file, await readFile(path.split('?')[0]!, 'utf8'));
}

/** Lowers thresholds in what Vitest loads. */
export function vitestStress(): Plugin {
  return { name: 'stress', enforce: 'pre', load: (id) => loweredFile(id) };
}

/** Lowers thresholds in what esbuild bundles. */
export const esbuildStress: EsbuildPlugin = {
  name: 'stress',
  setup({ onLoad }) {
    onLoad({ filter: /src.wasm.\w+\.ts$/ }, async ({ path }) => ({
      contents: (await loweredFile(path))!,
      loader: 'ts',
    }));
  },
};
