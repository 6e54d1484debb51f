/**
 * Counts, from the plan alone, what the kernels of a training step do in VGG-11/4 and VGG-16: invocations, the longest chain of
 * additions in one, bytes from memory and from workgroup memory, and operations per byte, with tfjs's kernels and with this library's.
 * Prints a table in Markdown, as in docs/webgpu.md.
 *
 *     npx tsx bench/webgpuCount.ts [batch]
 */
import { IMAGENET, type Plan, plan, scaleArch, VGG11, VGG16 } from 'vgg-blocks';
import { markdownTable } from '../src/figures/table.js';
import { type Count, kernelsOf } from './webgpuCounts.js';

export const NETWORKS = {
  'VGG-11/4, 224x224x1': () => plan(scaleArch(VGG11, 4)),
  'VGG-16, 224x224x3': () => plan(VGG16, IMAGENET),
};

/** A row for each layer and kernel: tfjs's beside ours, with the passes of ours added up. */
export function countTable(network: Plan, batch: number): string {
  const short = (number: number) => {
    if (number < 1e5) return String(number < 100 ? Number(number.toPrecision(2)) : number);
    const [unit, divisor] = number >= 1e9 ? ['G', 1e9] : ['M', 1e6];
    return `${Number((number / divisor).toPrecision(3))} ${unit}`;
  };
  const beside = (stock: Count[], ours: Count[], of: (counts: Count[]) => number) =>
    [stock, ours].map((counts) => short(of(counts))).join(' / ');
  const total = (key: 'bytes' | 'workgroupBytes' | 'operations') => (counts: Count[]) =>
    counts.reduce((sum, count) => sum + count[key], 0);
  const rows = kernelsOf(network, batch).map(({ layer, kernel, stock, ours }) => [
    ...[layer, kernel, ours.map((count) => count.kernel).join(', ')],
    beside(stock, ours, (counts) => Math.min(...counts.map(({ invocations }) => invocations))),
    beside(stock, ours, (counts) => Math.max(...counts.map(({ steps }) => steps))),
    beside(stock, ours, total('bytes')),
    beside(stock, ours, total('workgroupBytes')),
    beside(stock, ours, (counts) => total('operations')(counts) / total('bytes')(counts)),
  ]);
  const header = [
    'layer',
    'kernel',
    'ours in',
    'invocations',
    'steps',
    'bytes',
    'workgroup bytes',
    'operations/byte',
  ];
  return markdownTable([header, ...rows]);
}

if (process.argv[1]?.endsWith('webgpuCount.ts')) {
  const batch = Number(process.argv[2] ?? 128);
  for (const [name, network] of Object.entries(NETWORKS)) {
    console.log(`${name}, batch ${batch}\n\n${countTable(network(), batch)}\n`);
  }
}
