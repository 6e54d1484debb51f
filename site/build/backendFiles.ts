import { readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { globSync } from 'tinyglobby';
import type { BackendFiles } from '../src/state/backendFiles.js';

/** What each backend loads besides the worker; browsers without SIMD or with threads take another wasm file. */
const PARTS = {
  wasm: ['tfjs-backend-wasm-*.js', 'vgg-blocks~wasm-*.js', 'tfjs-backend-wasm-simd-*.wasm'],
  webgl: ['tfjs-backend-webgl-*.js'],
  webgpu: ['tfjs-backend-webgpu-*.js', 'vgg-blocks~webgpu-*.js'],
};

/** The files that the worker and each backend load before training begins, with their bytes. */
export function backendFiles(out: string): BackendFiles {
  const files = (names: readonly string[]) => {
    const found = globSync(
      names.map((name) => `assets/${name}`),
      { cwd: out },
    );
    if (found.length < names.length) throw new Error(`The build has not all of ${names.join(', ')}.`);
    const scripts = staticImports(
      out,
      found.filter((file) => file.endsWith('.js')),
    );
    const all = new Set([...scripts, ...found]);
    return Object.fromEntries([...all].map((file) => [file, statSync(out + file).size]));
  };
  const { wasm, webgl, webgpu } = PARTS;
  const worker = ['main-*.js'];
  return {
    wasm: files([...worker, ...wasm]),
    webgl: files([...worker, ...webgl]),
    webgpu: files([...worker, ...webgpu]),
  };
}

/** Scripts and those that they import at once. */
export function staticImports(out: string, scripts: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(out + file, 'utf8');
    for (const [, to] of text.matchAll(/(?:^|[;}])import(?:[^"'()]*from)?["'](\.\/[^"']+)["']/g)) {
      visit(posix.join(posix.dirname(file), to!));
    }
  };
  for (const script of scripts) visit(script);
  return [...found];
}
