import { existsSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import { globSync } from 'tinyglobby';
import { beforeAll, describe, expect, test } from 'vitest';
import { staticImports } from '../../site/build/backendFiles.js';
import { SITE_MB } from '../../site/src/offline.js';
import { builtSite } from './built.js';

let folder: string;
let files: string[];
const read = (file: string) => readFileSync(folder + file, 'utf8');

beforeAll(async () => {
  folder = await builtSite();
  files = globSync(['**/*'], { cwd: folder });
}, 400_000);

/** Scripts and their static imports. */
const reached = (scripts: readonly string[]) => staticImports(folder, scripts);

/** The scripts that a browser loads at once. */
function firstLoad(page: string): string[] {
  return reached([...read(page).matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map(([, to]) => to!));
}

/** The names of the site's files, which the service worker saves: data, and longer with every page of the API. */
const FILES = /\["api\/[^\]]*\]/;
const packed = (names: string[]) =>
  names.reduce((sum, name) => sum + gzipSync(read(name).replace(FILES, '[]'), { level: 9 }).length, 0);

describe('bytes, minified and gzipped', () => {
  test("the site's own code, without the packages of others, stays below 90 kB", () => {
    const scripts = files.filter((file) => file.endsWith('.js'));
    const own = scripts.filter(
      (file) => !/assets\/(tfjs-|vgg-blocks[-~]|package~|imagenet|legacy)/.test(file),
    );
    expect(own.some((file) => file.startsWith('assets/main-'))).toBe(true);
    expect(packed(own)).toBeLessThan(90_000);
  });

  test('the first paint takes less than 45 kB with the library, and no tfjs', () => {
    const loaded = firstLoad('index.html');
    expect(loaded.length).toBeGreaterThan(2);
    expect(packed(loaded)).toBeLessThan(45_000);
    const text = loaded.map(read).join('\n');
    expect(text).not.toMatch(/registerKernel|WebGLRenderingContext|LayersModel\b.*fitDataset/);
    expect(loaded.filter((file) => file.includes('tfjs'))).toEqual([]);
  });
});

test('guides and API pages load less than 15 kB, and less than 15 kB more when the search begins', () => {
  const page = [...read('guide/start.html').matchAll(/(?:src|href)="\.\.\/(assets\/[^"]+\.js)"/g)].map(
    ([, to]) => to!,
  );
  const search = files.filter((file) => /assets\/search-.*\.js$/.test(file));
  expect(search).toHaveLength(1);
  const first = reached(page);
  expect(first).not.toContain(search[0]);
  expect(packed(first)).toBeLessThan(15_000);
  expect(packed(reached(search).filter((file) => !first.includes(file)))).toBeLessThan(15_000);
  expect(packed(['guide/search.json'])).toBeLessThan(150_000);
});

test('training loads no backend and no kernels before they are chosen, and nothing that reads weight files or looks inside', () => {
  const loaded = reached(files.filter((file) => file.startsWith('assets/main-')));
  expect(loaded.some((file) => file.includes('vgg-blocks~main'))).toBe(true);
  expect(loaded.filter((file) => /backend/.test(file))).toEqual([]);
  const kernels = files.filter((file) => /vgg-blocks~(wasm|webgpu)-/.test(file));
  expect(kernels).toHaveLength(2);
  expect(loaded.filter((file) => kernels.includes(file))).toEqual([]);
  const text = [...loaded, ...reached(kernels)].map(read).join('\n');
  for (const later of ['gradCam', 'pickle', 'HDF5']) expect(text).not.toContain(later);
  expect(packed(loaded.filter((file) => !file.includes('tfjs')))).toBeLessThan(99_000);
});

test('no script imports itself through others: in such a circle one of them may run before what it needs', () => {
  const scripts = files.filter((file) => file.endsWith('.js') && file.startsWith('assets/'));
  const imported = (file: string) =>
    reached([file])
      .slice(1)
      .flatMap((other) => reached([other]));
  expect(scripts.filter((file) => imported(file).includes(file))).toEqual([]);
});

describe('every page', () => {
  /** Whether a page's link leads to a file, and to an anchor in it. */
  const leads = (page: string, target: string) => {
    const [path, anchor] = target.split('#') as [string, string?];
    const file = path ? posix.join(posix.dirname(page), path) : page;
    return (
      existsSync(folder + file) && (!anchor || read(file).includes(`id="${decodeURIComponent(anchor)}"`))
    );
  };

  test('links only to pages, anchors and files that exist', () => {
    const pages = files.filter((file) => file.endsWith('.html'));
    expect(pages.length).toBeGreaterThan(100);
    const broken: string[] = [];
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/(?:href|src)="([^"]+)"/g)) {
        // A page that is shown for those of every folder looks in each for what goes home.
        if (page === '404.html' && target!.endsWith('lost.js')) continue;
        if (!/^(https?|data):/.test(target!) && !leads(page, target!)) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('says how large its images are, so that it does not jump when they load', () => {
    const images = files
      .filter((file) => /^guide\/.*html$/.test(file))
      .flatMap((page) => read(page).match(/<img [^>]*>/g) ?? []);
    expect(images.length).toBeGreaterThan(50);
    for (const image of images) expect(image).toMatch(/ width="\d+" height="\d+"/);
  });

  test('breaks no line between a number and its unit', () => {
    const guides = files.filter((file) => /^guide\/.*html$/.test(file)).map(read);
    const text = guides.join('').replace(/<(head|pre|code)\b.*?<\/\1>|<[^>]*>/gs, '');
    expect(text.match(/.{0,20}\d (?:[kMG]?B|M|G|ms|s|%)(?=[ ,.;)\n]).{0,10}/g) ?? []).toEqual([]);
    expect(text).toContain('11.31\u00a0G');
  });

  test('of the API says what each module is for', () => {
    const [, list = ''] = read('api/index.html').split('<h2 id="modules">');
    const modules = list.match(/<li>.*?<\/li>/g) ?? [];
    expect(modules.length).toBeGreaterThan(9);
    for (const module of modules) expect(module).toMatch(/<br>\S+ .*\./);
  });

  test("the playground's links and pictures are there, in both languages", () => {
    const targets = files
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) =>
        [...read(file).matchAll(/[`'"](guide\/[^`'"$]+)[`'"]/g)].map(([, target]) => target!),
      );
    expect(targets.some((target) => target.startsWith('guide/zh/chapter.html#'))).toBe(true);
    expect(targets.some((target) => target.endsWith('.jpg'))).toBe(true);
    expect(targets.filter((target) => !leads('index.html', target))).toEqual([]);
  });

  test('has the policy, and no inline script or style that it forbids', () => {
    for (const page of files.filter((file) => file.endsWith('.html'))) {
      const html = read(page);
      expect(html, page).toContain("script-src 'self' 'wasm-unsafe-eval'");
      expect(html, page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle="|\son\w+="/);
    }
  });

  test('has a title, a description, a preview and a list of pages, and names every parameter', () => {
    const titles = new Map<string, string>();
    for (const page of files.filter((file) => file.endsWith('.html'))) {
      const html = read(page);
      const content = (name: string) =>
        new RegExp(`<meta (?:name|property)="${name}" content="([^"]+)"`).exec(html)?.[1] ?? '';
      const title = content('og:title');
      expect(html, page).toMatch(/<title>[^<]*\S[^<]*<\/title>/);
      expect(title, page).not.toBe('');
      expect(content('description').length, `${page}: ${content('description')}`).toBeGreaterThan(12);
      expect(content('og:description'), page).toBe(content('description'));
      expect(existsSync(folder + posix.join(posix.dirname(page), content('og:image'))), page).toBe(true);
      expect(html, page).not.toContain('__namedParameters');
      expect(html, page).toMatch(/<header class="banner">.*href="[^"]*gallery\.html".*<\/header>/s);
      if (page === 'index.html') continue;
      expect(html, page).toMatch(/<nav id="pages"[^>]*>.*<li><a href/s);
      if (page.startsWith('guide/')) titles.set(title, page);
    }
    expect(titles.size).toBe(files.filter((file) => /^guide\/.*\.html$/.test(file)).length);
  });

  test('every guide is in the list of guides, and reached from the first by its links to the next', () => {
    const list = read('guide/start.html').split('<nav id="pages"')[1]!.split('</nav>')[0]!;
    const guides = files.filter((file) => /^guide\/[^/]+\.html$/.test(file));
    for (const guide of guides) expect(list, guide).toContain(`href="${posix.basename(guide)}"`);
    const passed = new Set<string>();
    const nextOf = (page: string) => /<a rel="next" href="([^"]+)"/.exec(read(page))?.[1];
    for (let page = 'guide/start.html'; ; ) {
      passed.add(page);
      const next = nextOf(page);
      if (!next) break;
      const before = page;
      page = posix.join(posix.dirname(page), next);
      const [, back] = /<a rel="prev" href="([^"]+)"/.exec(read(page)) ?? [];
      expect(posix.join(posix.dirname(page), back ?? ''), page).toBe(before);
    }
    expect([...passed]).toEqual(expect.arrayContaining(guides));
  });

  test('has relative links only, so that it works in any folder of any host', () => {
    for (const page of files.filter((file) => file.endsWith('.html'))) {
      expect(read(page), page).not.toMatch(/(?:href|src)="\//);
    }
  });
});

test('the service worker saves every file that is there to be visited', () => {
  const worker = read('sw.js');
  // Only a host that answers knows that a page is missing.
  const saved = files.filter((file) => !['sw.js', 'pages.json', '404.html', 'lost.js'].includes(file));
  for (const file of saved) expect(worker, file).toContain(`"${file}"`);
  const pages: Record<string, string> = JSON.parse(read('pages.json'));
  expect(Object.keys(pages).sort()).toEqual(
    saved.filter((file) => file.endsWith('.html') && file !== 'index.html').sort(),
  );
  for (const [page, html] of Object.entries(pages)) expect(html === read(page), page).toBe(true);
  const bytes = saved.reduce((sum, file) => sum + statSync(folder + file).size, 0);
  expect(bytes).toBeLessThan(SITE_MB * 1e6);
  expect(bytes).toBeGreaterThan((SITE_MB - 3) * 1e6);
});
