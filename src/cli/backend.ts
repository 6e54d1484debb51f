import { setBackend } from '@tensorflow/tfjs-core';

/** The backends that the command line sets up. */
export const BACKENDS = ['wasm', 'cpu', 'webgpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Loads a backend and makes it the current one; only wasm takes more than one thread. */
export async function useBackend(name: Backend, threads = 1): Promise<void> {
  if (threads !== 1 && name !== 'wasm') {
    throw new Error(`--threads is ${threads}, but the ${name} backend does not use it; omit it or use wasm.`);
  }
  try {
    if (name === 'wasm') {
      await import('@tensorflow/tfjs-backend-wasm');
      (await import('vgg-blocks/wasm')).installWasmKernels({ threads });
    } else if (name === 'webgpu') {
      await (await import('vgg-blocks/node')).webgpuBackend();
    } else {
      await import('@tensorflow/tfjs-backend-cpu');
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      `the ${name} backend is not installed; run npm install @tensorflow/tfjs-backend-${name}.`,
    );
  }
  if (!(await setBackend(name)))
    throw new Error(`the ${name} backend did not start; install @tensorflow/tfjs-backend-cpu and use that.`);
}
