import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type ConvArch,
  cost,
  IMAGENET,
  paramCount,
  plan,
  VGG11,
  VGG13,
  VGG16,
  VGG16C,
  VGG19,
} from '../src/index.js';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const pages = readdirSync(new URL('docs/', root))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const number = (n: number) => n.toLocaleString('en-US');

test("the README's table of the family is what the library counts", () => {
  const family: [string, string, ConvArch][] = [
    ['`vgg11`', 'A', VGG11],
    ['`vgg13`', 'B', VGG13],
    ["`vgg16({ config: 'C' })`", 'C', VGG16C],
    ['`vgg16`', 'D', VGG16],
    ['`vgg19`', 'E', VGG19],
  ];
  const rows = family.map(([name, configuration, arch]) => {
    const rows = plan(arch, IMAGENET);
    const { trainable } = paramCount(plan(arch, { ...IMAGENET, batchNorm: true }));
    const { macs, bytes } = cost(rows);
    const gigas = (macs.forward / 1e9).toFixed(2);
    return `| ${name} | ${configuration} | ${number(paramCount(rows).total)} | ${number(trainable)} | ${gigas} G | ${Math.round(bytes.weights / 1e6)} MB |`;
  });
  const table = read('README.md').split('<!-- family -->')[1]!.split('<!-- /family -->')[0]!;
  const cells = table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.replace(/ +/g, ' '));
  expect(cells).toEqual(rows);
});

describe('links in the docs lead somewhere', () => {
  test.each(['README.md', 'src/wasm/README.md', ...pages])('%s', (page) => {
    const base = new URL(page, root);
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link!);
    if (page === 'README.md') expect(links).toContain('docs/chapter.md');
    for (const link of links) expect(existsSync(new URL(link, base)), link).toBe(true);
  });
});
