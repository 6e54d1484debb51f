import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { setBackend } from '@tensorflow/tfjs-core';
import { inject } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';

export type BackendName = 'cpu' | 'wasm' | 'webgl' | 'webgpu';

/** The one backend that a run in a browser is about; undefined in Node. */
const chosen = inject('backend');

/** Whether the tests run in a browser. */
export const inBrowser = chosen !== undefined;

/** The backends that a test goes through: in Node those that can be tested on this machine, in a browser the chosen one. */
export const backends: readonly BackendName[] = chosen ? [await register(chosen)] : await backendsOfNode();

/** Makes a backend the current one, wasm with this library's kernels. */
export async function useBackend(name: BackendName): Promise<void> {
  if (name === 'wasm') installWasmKernels();
  if (!(await setBackend(name))) throw new Error(`The ${name} backend did not start.`);
}

/** For what is the same on every backend: in a browser makes the chosen one current, in Node this one. */
export function useAnyBackend(inNode: BackendName = 'cpu'): Promise<void> {
  return useBackend(chosen ?? inNode);
}

/** Registers a backend of a browser. */
async function register(name: BackendName): Promise<BackendName> {
  // A test may compare with wasm whatever the run is about.
  setWasmPaths(`${location.origin}/node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
  if (name === 'webgl') {
    await import('@tensorflow/tfjs-backend-webgl');
  } else if (name === 'webgpu') {
    await import('@tensorflow/tfjs-backend-webgpu');
  }
  return name;
}

async function backendsOfNode(): Promise<readonly BackendName[]> {
  if (inject('quick')) return ['wasm'];
  const { startWebgpu } = await import('./dawn.js');
  const missing = await startWebgpu().then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (!missing) return ['cpu', 'wasm', 'webgpu'];
  if (process.env.CI) throw new Error(`webgpu must be tested in CI: ${missing}`);
  console.warn(`SKIPPED: webgpu is not tested, because ${missing}`);
  return ['cpu', 'wasm'];
}
