import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../test/support/chromium.js';
import { serveFolder } from './loadServer.js';

/**
 * What tfjs alone predicts on its wasm backend in Chromium, with a model that it loads over loopback, and how long that takes.
 *
 * @param folder has the model in `model`; the page and tfjs's own files come beside it.
 * @param image code that makes the input, such as `tf.ones([1, 224, 224, 3])`.
 */
export async function inChromium(
  folder: string,
  image: string,
): Promise<{ outputs: number[]; loadMs: number; firstMs: number }> {
  const modules = fileURLToPath(new URL('../node_modules/@tensorflow/', import.meta.url));
  for (const name of ['tfjs-core', 'tfjs-layers', 'tfjs-backend-wasm']) {
    mkdirSync(join(folder, name));
    cpSync(join(modules, name, 'dist'), join(folder, name), {
      recursive: true,
      filter: (path) => !/\.(ts|map)$/.test(path),
    });
  }
  const scripts = [
    'tfjs-core/tf-core.min.js',
    'tfjs-layers/tf-layers.min.js',
    'tfjs-backend-wasm/tf-backend-wasm.min.js',
  ];
  writeFileSync(
    join(folder, 'index.html'),
    `<!doctype html>${scripts.map((path) => `<script src="${path}"></script>`).join('')}`,
  );
  const server = await serveFolder(folder);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    return await page.evaluate(`(async () => {
      tf.wasm.setWasmPaths('/tfjs-backend-wasm/');
      await tf.setBackend('wasm');
      const start = performance.now();
      const model = await tf.loadLayersModel('/model/model.json');
      const loadMs = performance.now() - start;
      const outputs = Array.from(await model.predict(${image}).data());
      return { outputs, loadMs, firstMs: performance.now() - start - loadMs };
    })()`);
  } finally {
    await browser.close();
    server.close();
  }
}
