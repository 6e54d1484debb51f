import { existsSync } from 'node:fs';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';

/** Debian's Chromium, or the one that the environment's CHROMIUM names. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Whether there is a Chromium here; says so where there is none. */
export const hasChromium = existsSync(EXECUTABLE);
if (!hasChromium) {
  const said = `there is no ${EXECUTABLE}; install the Debian package chromium, or name another in CHROMIUM.`;
  if (process.env.CI) throw new Error(`Browsers must be tested in CI: ${said}`);
  console.warn(`SKIPPED: nothing is tested in a browser, because ${said}`);
}

/** How Chromium is started: without a screen, as any user, with WebGL and WebGPU in software, and asking nobody. */
export const CHROMIUM: LaunchOptions = {
  executablePath: EXECUTABLE,
  headless: true,
  chromiumSandbox: false,
  timeout: 60_000,
  args: [
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--disable-dev-shm-usage',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
};

/** Starts Chromium, which on a busy machine may fail once. Whoever starts it closes it. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const start = () => chromium.launch({ ...CHROMIUM, ...options });
  return start().catch(start);
}
