import { findBackendFactory, setBackend } from '@tensorflow/tfjs-core';
import { attempted } from '../base/check.js';
import { messageOf } from '../base/realm.js';
import { loadTfjsNode } from './tfjsNode.js';

/** The backends that the command line sets up. */
export const BACKENDS = ['wasm', 'cpu', 'webgpu', 'tensorflow'] as const;
export type Backend = (typeof BACKENDS)[number];

/** The options that choose a backend. */
export interface BackendArguments {
  backend: Backend;
  /** Threads of the wasm backend; 1 by default. */
  threads?: number;
  /** `--no-relaxed-simd` sets false. */
  relaxedSimd?: boolean;
}

/** Loads a backend and makes it the current one. */
export async function useBackend({
  backend: name,
  threads = 1,
  relaxedSimd = true,
}: BackendArguments): Promise<void> {
  if (name !== 'wasm') {
    const unused =
      threads !== 1 ? `--threads is ${threads}` : relaxedSimd ? undefined : '--no-relaxed-simd is given';
    if (unused) throw new Error(`${unused}, but the ${name} backend does not use it; omit it or use wasm.`);
  }
  if (name === 'wasm' && typeof WebAssembly === 'undefined') {
    throw new Error(
      'this Node has no WebAssembly, as with --jitless or --no-expose-wasm; start it without that, or use --backend cpu.',
    );
  }
  try {
    if (name === 'wasm') {
      await import('@tensorflow/tfjs-backend-wasm');
      (await import('vgg-blocks/wasm')).installWasmKernels({
        threads,
        relaxedSimd: relaxedSimd ? undefined : false,
      });
    } else if (name === 'webgpu') {
      await (await import('vgg-blocks/node')).webgpuBackend();
      (await import('vgg-blocks/webgpu')).installWebgpuKernels();
    } else if (name === 'tensorflow') {
      loadTfjsNode(import.meta.url);
    } else {
      await import('@tensorflow/tfjs-backend-cpu');
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      `the ${name} backend is not installed; run npm install @tensorflow/tfjs-backend-${name}.`,
    );
  }
  // What was loaded may be another package, or have another copy of tfjs-core beside it.
  if (!findBackendFactory(name)) {
    const given = name === 'tensorflow' ? process.env.VGG_BLOCKS_TFJS_NODE : undefined;
    throw new Error(
      given
        ? `the package in VGG_BLOCKS_TFJS_NODE, ${given}, does not register the tensorflow backend here; set it to the folder of a @tensorflow/tfjs-node that uses the same @tensorflow/tfjs-core.`
        : `the ${name} backend is registered in another copy of @tensorflow/tfjs-core; npm ls @tensorflow/tfjs-core shows them, and npm dedupe leaves one.`,
    );
  }
  const said = await saidOf(() => setBackend(name));
  if (said === undefined) return;
  const remedy = /out of memory|could not allocate|cannot allocate/i.test(said)
    ? 'its memory could not be allocated; raise the limit (ulimit -v), or use --backend cpu'
    : name === 'wasm'
      ? 'run npm install @tensorflow/tfjs-backend-wasm again, or use --backend cpu'
      : 'use another --backend';
  throw new Error(`the ${name} backend did not start; ${remedy}.`);
}

/** What is said on the console, in lines of its own, by work that fails; undefined if it does not. */
async function saidOf(work: () => Promise<boolean>): Promise<string | undefined> {
  const { warn, error } = console;
  const said: unknown[][] = [];
  const note = (...line: unknown[]) => void said.push(line);
  // Node's --frozen-intrinsics leaves the console as it is.
  attempted(() => Object.assign(console, { warn: note, error: note }));
  const succeeded = await work().finally(() => attempted(() => Object.assign(console, { warn, error })));
  if (!succeeded) return said.flat().map(messageOf).join('\n');
  for (const line of said) warn(...line);
  return undefined;
}
