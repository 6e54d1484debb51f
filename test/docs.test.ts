import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXPLAIN_METHODS } from '../src/features/index.js';
import { cost, FAMILY, IMAGENET, paramCount, plan } from '../src/index.js';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const pages = readdirSync(new URL('docs/', root))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const number = (n: number) => n.toLocaleString('en-US');

test("the README's table of the family is what the library counts", () => {
  const rows = Object.entries(FAMILY).map(([name, { config, arch }]) => {
    const call = name === 'vgg16c' ? "vgg16({ config: 'C' })" : name;
    const rows = plan(arch, IMAGENET);
    const { trainable } = paramCount(plan(arch, { ...IMAGENET, batchNorm: true }));
    const { macs, bytes } = cost(rows);
    const gigas = (macs.forward / 1e9).toFixed(2);
    return `| \`${call}\` | ${config} | ${number(paramCount(rows).total)} | ${number(trainable)} | ${gigas} G | ${Math.round(bytes.weights / 1e6)} MB |`;
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
  test.each(['README.md', 'CONTRIBUTING.md', 'src/wasm/README.md', 'src/weights/README.md', ...pages])(
    '%s',
    (page) => {
      const base = new URL(page, root);
      const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link!);
      if (page === 'README.md') expect(links).toContain('docs/chapter.md');
      for (const link of links) expect(existsSync(new URL(link, base)), link).toBe(true);
    },
  );
});

test('the page on architecture and the one for contributors name files and folders that exist', () => {
  const folders = ['', 'src/', 'src/data/', 'src/features/', 'src/train/', 'src/weights/'];
  for (const page of ['docs/architecture.md', 'CONTRIBUTING.md']) {
    const paths = [...read(page).matchAll(/`([\w/]+(?:\/|\.ts))`/g)].map(([, path]) => path!);
    const exists = (path: string) =>
      path === 'dist/' || folders.some((folder) => existsSync(new URL(folder + path, root)));
    expect(
      paths.filter((path) => !exists(path)),
      page,
    ).toEqual([]);
  }
});

test.each(EXPLAIN_METHODS)('%s has a row on the page of methods, and a map in the gallery', (method) => {
  const rowOf = (page: string) =>
    read(page)
      .split('\n')
      .filter((line) => line.startsWith(`| \`'${method}'\``));
  expect(rowOf('docs/features.md')).toHaveLength(1);
  expect(rowOf('docs/gallery.md')).toEqual([
    expect.stringContaining(`(figures/gallery/method-${method.replace('++', 'pp')}.png)`),
  ]);
});
