import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import { globSync } from 'tinyglobby';
import { beforeAll, describe, expect, test } from 'vitest';
import { builtSite } from './built.js';

let folder: string;
let files: string[];
const read = (file: string) => readFileSync(folder + file, 'utf8');

beforeAll(async () => {
  folder = await builtSite();
  files = globSync(['**/*'], { cwd: folder });
}, 400_000);

/** Scripts and their static imports. */
function reached(scripts: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, to] of read(file).matchAll(/(?:^|[;}])import(?:[^"'()]*from)?["'](\.\/[^"']+)["']/g)) {
      visit(posix.join(posix.dirname(file), to!));
    }
  };
  for (const script of scripts) visit(script);
  return [...found];
}

/** The scripts that a browser loads at once. */
function firstLoad(page: string): string[] {
  return reached([...read(page).matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, to]) => to!));
}

const packed = (names: string[]) =>
  names.reduce((sum, name) => sum + gzipSync(readFileSync(folder + name), { level: 9 }).length, 0);

describe('bytes, minified and gzipped', () => {
  test("the site's own code, with the library that draws it, stays below 60 kB", () => {
    const scripts = files.filter((file) => file.endsWith('.js'));
    const own = scripts.filter((file) => !/assets\/(tfjs-|vgg-blocks[-~]|imagenet|legacy)/.test(file));
    expect(own.some((file) => file.startsWith('assets/main-'))).toBe(true);
    expect(packed(own)).toBeLessThan(60_000);
  });

  test('the first paint takes less than 60 kB with the library, and no tfjs', () => {
    const loaded = firstLoad('index.html');
    expect(loaded.length).toBeGreaterThan(2);
    expect(packed(loaded)).toBeLessThan(60_000);
    const text = loaded.map(read).join('\n');
    expect(text).not.toMatch(/registerKernel|WebGLRenderingContext|LayersModel\b.*fitDataset/);
    expect(loaded.filter((file) => file.includes('tfjs'))).toEqual([]);
  });
});

test('training loads no backend and no kernels before they are chosen, and nothing that reads weight files or looks inside', () => {
  const loaded = reached(files.filter((file) => file.startsWith('assets/main-')));
  expect(loaded.some((file) => file.includes('vgg-blocks~main'))).toBe(true);
  expect(loaded.filter((file) => /backend/.test(file))).toEqual([]);
  const kernels = files.filter((file) => /vgg-blocks~(wasm|webgpu)-/.test(file));
  expect(kernels).toHaveLength(2);
  expect(loaded.filter((file) => kernels.includes(file))).toEqual([]);
  const text = [...loaded, ...reached(kernels)].map(read).join('\n');
  for (const later of ['gradCam', 'fromWeights', 'HDF5']) expect(text).not.toContain(later);
  expect(packed(loaded.filter((file) => !file.includes('tfjs')))).toBeLessThan(84_000);
});

describe('every page', () => {
  test('links only to pages, anchors and files that exist', () => {
    const pages = files.filter((file) => file.endsWith('.html'));
    expect(pages.length).toBeGreaterThan(100);
    const broken: string[] = [];
    for (const page of pages) {
      const html = read(page);
      for (const [, target] of html.matchAll(/(?:href|src)="([^"]+)"/g)) {
        if (/^(https?|data):/.test(target!)) continue;
        const [path, anchor] = target!.split('#') as [string, string?];
        const file = path ? posix.join(posix.dirname(page), path) : page;
        if (!existsSync(folder + file)) broken.push(`${page}: ${target}`);
        else if (anchor && !read(file).includes(`id="${decodeURIComponent(anchor)}"`))
          broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('has the policy, and no inline script or style that it forbids', () => {
    for (const page of files.filter((file) => file.endsWith('.html'))) {
      const html = read(page);
      expect(html, page).toContain("script-src 'self' 'wasm-unsafe-eval'");
      expect(html, page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle="|\son\w+="/);
    }
  });

  test('has relative links only, so that it works in any folder of any host', () => {
    for (const page of files.filter((file) => file.endsWith('.html'))) {
      expect(read(page), page).not.toMatch(/(?:href|src)="\//);
    }
  });
});

test('the service worker saves every file of the site', () => {
  const worker = read('sw.js');
  for (const file of files.filter((file) => file !== 'sw.js')) expect(worker, file).toContain(`"${file}"`);
});
