import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchChart } from '../../bench/chart.js';
import { measurePeaks } from '../../bench/peaks.js';
import { type Results, summarize, tableOf } from '../../bench/results.js';
import { rooflineChart } from '../../bench/rooflineChart.js';
import { rooflineRow, workOf } from '../../bench/rooflineRows.js';
import type { Spec } from '../../bench/spec.js';
import { cost, plan, VGG11 } from '../../src/index.js';
import { useBackend } from '../support/backends.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => useBackend('wasm'));

const SPEC: Spec = {
  arch: [
    [1, 3],
    [2, 4],
  ],
  inputShape: [8, 12, 2],
  classes: 5,
  hiddenUnits: 6,
  batchSize: 3,
  seconds: 1,
  threads: 1,
  clock: 'wall',
  folder,
  software: false,
};

describe('results', () => {
  const ours = summarize(
    'vgg-blocks, wasm',
    true,
    [
      { load: 10, first: 5, logits: [1, -4], inference: [100, 400, 200], peak: 90 },
      { build: 7, training: [1000, 500], peak: 120 },
      { load: 20, first: 5, logits: [1, -4], inference: [200], peak: 95 },
    ],
    8,
  );
  const stock = summarize(
    'tfjs, wasm',
    false,
    [
      { load: 30, first: 5, logits: [1, -4.0004] },
      { build: 8, training: { error: 'a kernel & more is missing' } },
    ],
    8,
  );
  const results: Results = {
    title: 'VGG <small>',
    network: { ...SPEC, arch: SPEC.arch },
    machine: { cpu: 'one', cores: 2, node: 'v20', load: 0.5 },
    rounds: 2,
    implementations: [ours, stock, summarize('PyTorch', false, [{ absent: 'python3 not found' }], 8)],
  };

  test('are the median, minimum and maximum over all processes', () => {
    expect(ours.figures.inference).toEqual({ median: 40, minimum: 20, maximum: 80 });
    expect(ours.figures.training).toEqual({ median: 12, minimum: 8, maximum: 16 });
    expect(ours.figures.first).toEqual({ median: 20, minimum: 15, maximum: 25 });
    expect(ours.figures.inferencePeak).toEqual({ median: 92.5, minimum: 90, maximum: 95 });
    expect(stock.figures.training).toBeUndefined();
  });

  test('make a table with the differences of the logits and notes on what is missing', () => {
    const table = tableOf(results);
    expect(table).toContain(
      '| vgg-blocks, wasm | 40.0 (20.0 to 80.0) | 12.0 (8.00 to 16.0) | 20.0 (15.0 to 25.0) |',
    );
    expect(table).toMatch(/\| tfjs, wasm \| - \| - \| 35\.0 .*\| 1e-4 \|/);
    expect(table).toContain('tfjs, wasm: a kernel & more is missing');
    expect(table).toContain('PyTorch: python3 not found');
    expect(table).not.toContain('| PyTorch |');
  });

  test('make a chart that shows which implementation cannot train', () => {
    const svg = benchChart(results);
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity|<small>/);
    expect(svg.match(/>cannot</g)).toHaveLength(1);
    expect(svg).toContain('>40.0</text>');
  });
});

describe('the roofline', () => {
  test('counts two operations per multiply-accumulate of the plan, and each byte once', () => {
    const rows = plan(VGG11);
    const work = workOf(rows, 8);
    const products = work.filter(({ kind }) => kind !== 'maxPool').reduce((sum, { flops }) => sum + flops, 0);
    expect(products).toBe(2 * 8 * cost(rows).macs.forward);
    // fc1 maps 25088 numbers to 4096, with 25088 x 4096 weights and 4096 biases.
    expect(work.find(({ name }) => name === 'fc1')).toMatchObject({
      flops: 2 * 8 * 25088 * 4096,
      bytes: 4 * (8 * 25088 + 8 * 4096 + 25088 * 4096 + 4096),
    });
    expect(work.find(({ name }) => name === 'block1_pool')!.bytes).toBe(4 * 8 * 64 * (224 * 224 + 112 * 112));
  });

  test('limits a layer by the slower of arithmetic and memory', () => {
    const work = { name: 'a', kind: 'conv', outputShape: [1], flops: 4e9, bytes: 1e9 } as const;
    expect(rooflineRow(work, { gflops: 2, gigabytes: 2 }, 4000)).toMatchObject({
      bound: 'arithmetic',
      minimumMs: 2000,
    });
    expect(rooflineRow(work, { gflops: 20, gigabytes: 2 }, 1000)).toMatchObject({
      bound: 'memory',
      minimumMs: 500,
    });
  });

  test('draws every layer with the percentage of its limit', () => {
    const rows = workOf(plan(VGG11), 8).map((work) => rooflineRow(work, { gflops: 40, gigabytes: 20 }, 1000));
    const svg = rooflineChart('VGG-11', [{ name: 'wasm', gflops: 40, gigabytes: 20 }], rows);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    for (const { name } of rows) expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/<circle /g)).toHaveLength(rows.length + 3);
  });

  test('measures the peaks of this machine in WebAssembly', async () => {
    const { gflops, gigabytes, fused } = await measurePeaks();
    expect(gflops).toBeGreaterThan(0.1);
    expect(gigabytes).toBeGreaterThan(0.1);
    expect(Number.isFinite(gflops * gigabytes)).toBe(true);
    expect(typeof fused).toBe('boolean');
  });
});
