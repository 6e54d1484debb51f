import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WasmKernelOptions } from '../../src/wasm/index.js';
import { esbuildStress } from '../stress/plugins.js';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-peer-'));
  await bundle('program.cjs');
  await bundle('stress.cjs', [esbuildStress]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bundles tfjs-core's tests with the kernels. */
async function bundle(name: string, plugins: Plugin[] = []): Promise<void> {
  await build({
    entryPoints: [root('test/peer/program.mjs')],
    outfile: join(folder, name),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // Where packages are found.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(root('package.json'))) },
    // It reads its own files.
    external: ['jasmine-core'],
    // tfjs declares its tests to be without side effects.
    ignoreAnnotations: true,
    plugins,
  });
}

/** The failures of tfjs-core's tests, by name, with the kernels of such options or with the backend's own. */
async function failuresOf(
  options?: WasmKernelOptions,
  program = 'program.cjs',
): Promise<Record<string, string>> {
  const report = join(folder, 'report.json');
  const args = [join(folder, program), report, ...(options ? [JSON.stringify(options)] : [])];
  await run(process.execPath, args, { env: { ...process.env, NODE_PATH: root('node_modules') } });
  const { count, failures } = JSON.parse(await readFile(report, 'utf8'));
  await rm(report);
  expect(count).toBeGreaterThan(4000);
  return failures;
}

const lines = (names: string[]) => `${names.sort().join('\n')}\n`;

describe("tfjs-core's own tests", () => {
  let stock: Set<string>;

  test("fail with the wasm backend's own kernels as listed", async () => {
    const failures = Object.keys(await failuresOf());
    stock = new Set(failures);
    await expect(lines(failures)).toMatchFileSnapshot('stockFailures.txt');
  });

  test.each<[string, WasmKernelOptions, string?]>([
    ['one thread', { relaxedSimd: false }],
    ['two threads', { threads: 2, relaxedSimd: false }],
    ['relaxed SIMD', { relaxedSimd: true }],
    ['two threads with the lowest thresholds', { threads: 2, relaxedSimd: false }, 'stress.cjs'],
  ])('fail nowhere else on %s, and pass where listed', async (_, options, program) => {
    const failures = await failuresOf(options, program);
    expect(Object.entries(failures).filter(([name]) => !stock.has(name))).toEqual([]);
    const passed = [...stock].filter((name) => !(name in failures));
    await expect(lines(passed)).toMatchFileSnapshot('mended.txt');
  });
});
