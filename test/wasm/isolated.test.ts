import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPage } from '../package/page.js';
import { hasChromium } from '../support/chromium.js';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What makes a page cross-origin isolated. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** tfjs's own threads load a script from a blob; this library's are workers of one. */
const policy = (workers: string, scripts = '') =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' ${scripts}; worker-src 'self' ${workers}; connect-src 'self'`;

/**
 * Computes a convolution, its filter's gradient and a product on one thread and on two, and says how they differ.
 */
const PROGRAM = `
import { engine, setBackend, tensor, tidy } from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { Helper } from '${root('src/wasm/helper.ts')}';
import { installWasmKernels } from '${root('src/wasm/index.ts')}';

const random = (shape) => tensor(Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i)), shape);
const compute = () => tidy(() => {
  const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1], filterShape: [3, 3, 16, 40] };
  const [x, filter, dy] = [random([3, 64, 64, 16]), random([3, 3, 16, 40]), random([3, 64, 64, 40])];
  const [a, b] = [random([8, 1000]), random([1000, 1100])];
  return [['Conv2D', { x, filter }], ['Conv2DBackpropFilter', { x, dy }], ['BatchMatMul', { a, b }]]
    .map(([name, inputs]) => engine().runKernel(name, inputs, attrs).dataSync());
});
const most = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

export async function program() {
  let helped = 0;
  const { start } = Helper.prototype;
  Helper.prototype.start = function (...task) {
    const started = start.call(this, ...task);
    if (started) helped++;
    return started;
  };
  setWasmPaths('/wasm/');
  const uninstall = installWasmKernels();
  if (!(await setBackend('wasm'))) throw new Error('no backend');
  const one = compute();
  uninstall();
  const remove = installWasmKernels({ threads: 2 });
  let two;
  // The other thread takes its time to start, and then has a part in each of the three.
  for (helped = 0; helped < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    helped = 0;
    two = compute();
  }
  remove();
  const memory = engine().backend.wasm.HEAPU8.buffer;
  return JSON.stringify({
    helped,
    isShared: memory instanceof SharedArrayBuffer,
    difference: one.map((values, i) => most(values.map((value, k) => value - two[i][k])) / most(values)),
  });
}
`;

/** Sums of the threads' sums round otherwise than one thread's: those of the gradient. */
const DIFFERENCE = [0, expect.closeTo(0, 5), 0];

const SCRIPTS = {
  'program.js': PROGRAM,
  // Where a thread may not sleep.
  'page.js': `import { program } from './program.js';
    program().then(console.log, (error) => console.log(JSON.stringify(String(error))));`,
  // Where tfjs takes its build of one thread, whose memory is not shared.
  'alone.js': `import { env } from '@tensorflow/tfjs-core';
    import { program } from './program.js';
    env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    program().then(console.log, (error) => console.log(JSON.stringify(String(error))));`,
  // Where it may.
  'worker.js': `import { program } from './program.js';
    program().then(postMessage, (error) => postMessage(JSON.stringify(String(error))));`,
  'starter.js': `new Worker('worker.js').onmessage = ({ data }) => console.log(data);`,
};

describe.runIf(hasChromium)('two threads of a cross-origin isolated page', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-isolated-'));
    for (const [name, text] of Object.entries(SCRIPTS)) await writeFile(join(folder, name), text);
    await build({
      entryPoints: ['page.js', 'alone.js', 'worker.js', 'starter.js'].map((name) => join(folder, name)),
      bundle: true,
      format: 'iife',
      outdir: folder,
      allowOverwrite: true,
      nodePaths: [root('node_modules')],
    });
    await cp(root('node_modules/@tensorflow/tfjs-backend-wasm/dist'), join(folder, 'wasm'), {
      recursive: true,
      filter: (path) => /dist$|\.wasm$/.test(path),
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function open(script: string, headers: Record<string, string>) {
    const html = `<!doctype html><html lang="en"><title>App</title><script src="${script}"></script></html>`;
    await writeFile(join(folder, 'index.html'), html);
    const { log, complaints } = await openPage(folder, headers);
    return { said: JSON.parse(log[0] ?? 'null'), complaints };
  }

  test.each(['page.js', 'starter.js'])('%s compute what one does, on one memory', async (script) => {
    const headers = { ...ISOLATED, 'content-security-policy': policy('blob:', 'blob:') };
    const { said, complaints } = await open(script, headers);
    expect(complaints).toEqual([]);
    expect(said).toEqual({ helped: 3, isShared: true, difference: DIFFERENCE });
  });

  test('are refused where the backend does not share its memory', async () => {
    const { said } = await open('alone.js', { ...ISOLATED, 'content-security-policy': policy('blob:') });
    expect(said).toContain("2 threads need the backend's memory to be shared");
  });

  test('name the headers that a page lacks which is not isolated', async () => {
    const { said } = await open('alone.js', { 'content-security-policy': policy('blob:') });
    expect(said).toContain('serve it with the headers Cross-Origin-Opener-Policy');
  });
});
