import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { existsSync } from 'node:fs';
import { setBackend } from '@tensorflow/tfjs-core';
import { webgpuBackend } from '../../src/node/index.js';
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

async function startWebgpu(): Promise<void> {
  // Dawn reads the environment when it looks for drivers, so this comes before its import.
  if (!process.env.VK_DRIVER_FILES && existsSync(SOFTWARE_VULKAN))
    process.env.VK_DRIVER_FILES = SOFTWARE_VULKAN;
  await webgpuBackend();
}
