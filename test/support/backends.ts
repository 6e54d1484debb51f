import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { existsSync } from 'node:fs';
import { setBackend } from '@tensorflow/tfjs-core';
import { installWasmKernels } from '../../src/wasm/index.js';

export type BackendName = 'cpu' | 'wasm' | 'webgpu';

/** Debian's software driver for Vulkan, for machines without a GPU. */
const SOFTWARE_VULKAN = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Why there is no webgpu here, or undefined where there is. */
const missingWebgpu = await startWebgpu().then(
  () => undefined,
  (error: Error) => error.message,
);
if (missingWebgpu) {
  if (process.env.CI) throw new Error(`webgpu must be tested in CI: ${missingWebgpu}`);
  console.warn(`SKIPPED: webgpu is not tested, because ${missingWebgpu}`);
}

/** The backends that can be tested on this machine. */
export const backends: readonly BackendName[] = missingWebgpu ? ['cpu', 'wasm'] : ['cpu', 'wasm', 'webgpu'];

/** Makes a backend the current one, wasm with this library's kernels. */
export async function useBackend(name: BackendName): Promise<void> {
  if (name === 'wasm') installWasmKernels();
  if (!(await setBackend(name))) throw new Error(`The ${name} backend did not start.`);
}

/** Gives Node the browser's WebGPU and registers tfjs's backend, which looks for `navigator.gpu` when it is imported. */
async function startWebgpu(): Promise<void> {
  // Dawn reads the environment when it looks for drivers, so this comes before its import.
  if (!process.env.VK_DRIVER_FILES && existsSync(SOFTWARE_VULKAN))
    process.env.VK_DRIVER_FILES = SOFTWARE_VULKAN;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  // Node 20 has no navigator, newer ones have one without a setter.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  if (!(await gpu.requestAdapter())) {
    throw new Error(
      'Dawn finds no adapter; without a GPU, install the Debian packages chromium and libvulkan1, which have a software one.',
    );
  }
  await import('@tensorflow/tfjs-backend-webgpu');
}
