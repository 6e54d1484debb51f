import { posix } from 'node:path';

/** A page in a list of pages: its title there and its path from the site's root. */
export interface Entry {
  title: string;
  path: string;
  /** In a list of two languages. */
  language?: 'en' | 'zh-CN';
  children?: Entry[];
}

/** The guides in reading order, by name or path. A guide of docs/ that is not listed comes last in the last group. */
const GROUPS: Record<string, string[]> = {
  'First steps': ['start', 'chapter', 'gallery', 'playground'],
  Networks: [
    'weights',
    'my-file-does-not-load',
    'into-your-app',
    'compress',
    'transfer',
    'features',
    'perceptual',
  ],
  Training: ['training-options', 'training', 'measuring'],
  Speed: ['performance', 'roofline', 'source/src/wasm/README.md.html', 'webgpu'],
  'This project': ['architecture', 'source/CONTRIBUTING.md.html', 'changes'],
};

/** The titles of the groups beside a guide in Chinese. */
const CHINESE: Record<string, string> = {
  'First steps': '第一步',
  Networks: '网络',
  Training: '训练',
  Speed: '速度',
  'This project': '关于本项目',
};

/** A group of guides and its title. */
export type Group = [title: string, entries: Entry[]];

/** The groups of guides. `titles` has the titles of all pages by their paths. */
export function guideGroups(titles: ReadonlyMap<string, string>): Group[] {
  const listed = new Set(Object.values(GROUPS).flat().map(pathOf));
  const rest = [...titles.keys()].filter((path) => /^guide\/[^/]+$/.test(path) && !listed.has(path));
  const last = Object.keys(GROUPS).at(-1);
  return Object.entries(GROUPS).map(([group, names]) => {
    const paths = [...names.map(pathOf), ...(group === last ? rest : [])].filter((path) => titles.has(path));
    return [group, paths.map((path) => ({ path, title: titles.get(path)!.split(':')[0]! }))];
  });
}

/** The groups with each guide in Chinese that exists in it. */
export function chineseGroups(groups: readonly Group[], titles: ReadonlyMap<string, string>): Group[] {
  return groups.map(([group, entries]) => [
    CHINESE[group]!,
    entries.map((entry) => {
      const path = entry.path.replace(/^guide\//, 'guide/zh/');
      const title = titles.get(path);
      return title && path !== entry.path ? { path, title, language: 'zh-CN' } : { ...entry, language: 'en' };
    }),
  ]);
}

const pathOf = (name: string) => (name.endsWith('.html') ? name : `guide/${name}.html`);

/** Links to the pages before and after one; empty for a page that is in no group. */
export function pager(groups: readonly Group[], path: string): string {
  const all = groups.flatMap(([, entries]) => entries);
  const i = all.findIndex((entry) => entry.path === path);
  if (i < 0) return '';
  const link = (entry: Entry | undefined, rel: 'prev' | 'next') =>
    entry ? `<a rel="${rel}" href="${relative(path, entry.path)}"${lang(entry)}>${entry.title}</a>` : '';
  return `<nav class="pager" aria-label="Guides">${link(all[i - 1], 'prev')}${link(all[i + 1], 'next')}</nav>`;
}

const lang = ({ language }: Entry) => (language ? ` lang="${language}"` : '');

/** A nested list of links from one page to others. */
export function list(entries: readonly Entry[], from: string): string {
  const items = entries.map((entry) => {
    const { title, path, children = [] } = entry;
    const current = path === from ? ' aria-current="page"' : '';
    const below = children.length ? list(children, from) : '';
    return `<li><a href="${relative(from, path)}"${current}${lang(entry)}>${title}</a>${below}</li>`;
  });
  return `<ul>${items.join('')}</ul>`;
}

/** The address of a page, or of an anchor on it, as seen from another page. */
function relative(from: string, to: string): string {
  const [path, anchor] = to.split('#') as [string, string?];
  const way = path === from && anchor ? '' : posix.relative(posix.dirname(from), path);
  return anchor ? `${way}#${anchor}` : way;
}
