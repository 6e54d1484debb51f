import { existsSync } from 'node:fs';
import { webgpuBackend } from '../../src/node/index.js';

/** Debian's software driver for Vulkan, for machines without a GPU. */
const SOFTWARE_VULKAN = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Registers the webgpu backend in Node. */
export async function startWebgpu(): Promise<void> {
  // Dawn reads the environment when it looks for drivers, so this comes before its import.
  if (!process.env.VK_DRIVER_FILES && existsSync(SOFTWARE_VULKAN))
    process.env.VK_DRIVER_FILES = SOFTWARE_VULKAN;
  await webgpuBackend();
}
