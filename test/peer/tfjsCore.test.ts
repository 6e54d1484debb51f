import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WasmKernelOptions } from '../../src/wasm/index.js';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-peer-'));
  await build({
    entryPoints: [root('test/peer/program.mjs')],
    outfile: join(folder, 'program.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // It reads its own files.
    external: ['jasmine-core'],
    // tfjs declares its tests to be without side effects.
    ignoreAnnotations: true,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The failures of tfjs-core's tests, by name, with the kernels of such options or with the backend's own. */
async function failuresOf(options?: WasmKernelOptions): Promise<Record<string, string>> {
  const report = join(folder, `${JSON.stringify(options) ?? 'stock'}.json`);
  const args = [join(folder, 'program.cjs'), report, ...(options ? [JSON.stringify(options)] : [])];
  await run(process.execPath, args, { env: { ...process.env, NODE_PATH: root('node_modules') } });
  const { count, failures } = JSON.parse(await readFile(report, 'utf8'));
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

  test.each<[string, WasmKernelOptions]>([
    ['one thread', { relaxedSimd: false }],
    ['two threads', { threads: 2, relaxedSimd: false }],
    ['relaxed SIMD', { relaxedSimd: true }],
  ])('fail nowhere else on %s, and pass where listed', async (_, options) => {
    const failures = await failuresOf(options);
    expect(Object.entries(failures).filter(([name]) => !stock.has(name))).toEqual([]);
    const passed = [...stock].filter((name) => !(name in failures));
    await expect(lines(passed)).toMatchFileSnapshot('mended.txt');
  });
});
