import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import type { LaunchOptions } from 'playwright-core';
import { launchChromium } from '../test/support/chromium.js';
import { serveFolder } from './loadServer.js';
import type { PagePlace, PageTask } from './pageTask.js';
import type { Measurement } from './spec.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The pages, each with the code of one place alone. */
const PAGES = {
  wasm: { source: 'tfjsPage.ts', define: { BACKEND: '"wasm"' } },
  webgl: { source: 'tfjsPage.ts', define: { BACKEND: '"webgl"' } },
  webgpu: { source: 'tfjsPage.ts', define: { BACKEND: '"webgpu"' } },
  'ort-wasm': {
    source: 'ortPage.ts',
    define: { PROVIDER: '"wasm"' },
    alias: { 'onnxruntime-web': 'onnxruntime-web/wasm' },
  },
  'ort-webgpu': {
    source: 'ortPage.ts',
    define: { PROVIDER: '"webgpu"' },
    alias: { 'onnxruntime-web': 'onnxruntime-web/webgpu' },
  },
} satisfies Record<string, { source: string } & BuildOptions>;

export type PageName = keyof typeof PAGES;

/** Builds the pages into a folder, and copies the WebAssembly binaries of tfjs and onnxruntime-web beside them. */
export async function buildPages(folder: string): Promise<void> {
  for (const [name, { source, ...options }] of Object.entries(PAGES)) {
    await build({
      ...options,
      entryPoints: [at(source)],
      outfile: join(folder, name, 'page.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      logLevel: 'error',
    });
    const html = '<!doctype html><title>Place</title><script type="module" src="page.js"></script>';
    writeFileSync(join(folder, name, 'index.html'), html);
  }
  for (const [to, from] of [
    ['wasm', '@tensorflow/tfjs-backend-wasm/dist'],
    ['ort', 'onnxruntime-web/dist'],
  ] as const) {
    mkdirSync(join(folder, to), { recursive: true });
    const source = at(`../node_modules/${from}`);
    const filter = (path: string) => path === source || /\.wasm$|simd-threaded[.\w]*\.mjs$/.test(path);
    cpSync(source, join(folder, to), { recursive: true, filter });
  }
}

/** What a page did, and the files that it fetched: paths below the folder. */
export interface PageMeasurement extends Measurement {
  paths?: string[];
}

/** A page that has not predicted after this time is given up, in milliseconds. */
const TIMEOUT_MS = 180_000;

/**
 * Measures one page in a new Chromium, which has nothing in its cache. With more than one thread the page is cross-origin isolated,
 * without which there are none.
 */
export async function measurePage(
  folder: string,
  page: PageName,
  task: PageTask,
  seconds: number,
  launch: LaunchOptions,
): Promise<PageMeasurement> {
  const server = await serveFolder(folder, {
    ...(task.threads > 1 && {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    }),
  });
  const browser = await launchChromium(launch);
  try {
    const tab = await browser.newPage();
    const failed = new Promise<never>((_, reject) => {
      tab.on('pageerror', reject);
      tab.on('crash', () => reject(new Error('the page crashed')));
    });
    failed.catch(() => {});
    await tab.goto(`${server.url}${page}/#${encodeURIComponent(JSON.stringify(task))}`);
    const loaded = tab.waitForFunction(() => 'place' in globalThis, undefined, { timeout: TIMEOUT_MS });
    await Promise.race([loaded, failed]);
    const { paths } = server.traffic();
    const measured = tab.evaluate(async (seconds) => {
      const { cold, logits, predict } = (globalThis as unknown as { place: PagePlace }).place;
      const inference: number[] = [];
      // The second prediction is still slower than those after it.
      await predict();
      const end = performance.now() + 1000 * seconds;
      while (inference.length < 2 || performance.now() < end) {
        const begun = performance.now();
        let count = 0;
        // A page's clock is coarse.
        do {
          await predict();
          count++;
        } while (performance.now() - begun < 20);
        inference.push((performance.now() - begun) / count);
      }
      return { cold, logits, inference };
    }, seconds);
    return { ...(await Promise.race([measured, failed])), paths };
  } catch (error) {
    return { absent: (error as Error).message.split('\n')[0]! };
  } finally {
    await browser.close();
    server.close();
  }
}

/** What Chromium computes WebGPU on, if on anything. */
export async function gpuOf(folder: string, launch: LaunchOptions): Promise<string> {
  const [server, browser] = [await serveFolder(folder), await launchChromium(launch)];
  try {
    const tab = await browser.newPage();
    await tab.goto(`${server.url}wasm/`);
    return await tab.evaluate(async () => {
      const { info } = (await navigator.gpu?.requestAdapter()) ?? {};
      return info ? [info.vendor, info.architecture, info.description].filter(Boolean).join(' ') : 'no GPU';
    });
  } finally {
    await browser.close();
    server.close();
  }
}
