import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { setBackend } from '@tensorflow/tfjs-core';
import { inject } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';

export type BackendName = 'cpu' | 'wasm' | 'webgl' | 'webgpu' | 'tensorflow';

/** The backend that the run is about, in a browser or on tfjs-node; undefined for those of Node. */
const chosen = inject('backend');

/** Whether the run is about one backend. */
export const isChosen = chosen !== undefined;

/** The backends that a test goes through: the chosen one, or in Node those that can be tested on this machine. */
export const backends: readonly BackendName[] = chosen ? [await register(chosen)] : await backendsOfNode();

/** Makes a backend the current one, wasm with this library's kernels. */
export async function useBackend(name: BackendName): Promise<void> {
  if (name === 'wasm') installWasmKernels();
  if (!(await setBackend(name))) throw new Error(`The ${name} backend did not start.`);
}

/** For what is the same on every backend: makes the chosen one current, or in Node this one. */
export function useAnyBackend(inNode: BackendName = 'cpu'): Promise<void> {
  return useBackend(chosen ?? inNode);
}

/** Registers a backend of a browser or of tfjs-node. */
async function register(name: BackendName): Promise<BackendName> {
  if (name === 'tensorflow') {
    await import('@tensorflow/tfjs-layers');
    (await import('../../src/cli/tfjsNode.js')).loadTfjsNode(import.meta.url);
    return name;
  }
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
  // Chromium computes on WebGPU with the same shaders, and tests it in a run of its own.
  if (inject('hasChromium')) return ['cpu', 'wasm'];
  const { hasWebgpu } = await import('./dawn.js');
  return (await hasWebgpu()) ? ['cpu', 'wasm', 'webgpu'] : ['cpu', 'wasm'];
}
