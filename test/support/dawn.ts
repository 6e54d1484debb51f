import { existsSync } from 'node:fs';
import { webgpuBackend } from '../../src/node/index.js';

/** Debian's software driver for Vulkan, for machines without a GPU. */
const SOFTWARE_VULKAN = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Registers the webgpu backend in Node, if this machine can compute on it; says so where it cannot. */
export async function hasWebgpu(): Promise<boolean> {
  // Dawn reads the environment when it looks for drivers, so this comes before its import.
  if (!process.env.VK_DRIVER_FILES && existsSync(SOFTWARE_VULKAN))
    process.env.VK_DRIVER_FILES = SOFTWARE_VULKAN;
  try {
    await webgpuBackend();
    return true;
  } catch (error) {
    const { message } = error as Error;
    if (process.env.CI) throw new Error(`webgpu must be tested in CI: ${message}`);
    console.warn(`SKIPPED: webgpu is not tested in Node, because ${message}`);
    return false;
  }
}
