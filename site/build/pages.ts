import { existsSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { globSync } from 'tinyglobby';
import { apiEntries, imported, namedModules } from './api.js';
import { chineseGroups, type Entry, type Group, guideGroups, list, pager } from './guides.js';
import { CARD, type Summary, withHead } from './head.js';
import { imageSize } from './imageSize.js';
import { LOST, LOST_TEXT, withWayHome } from './lost.js';
import { highlighted, render, type Text } from './markdown.js';

/** A page of the site other than the playground. */
export interface Page extends Text, Summary {
  language: 'en' | 'zh-CN';
  /** The lists of pages at its side, and the links to its neighbors. */
  sidebar: string;
  pager: string;
}

/** The pages by their paths from the site's root, and the files that they show or link to. */
export interface Pages {
  pages: Map<string, Page>;
  files: Map<string, string>;
}

/** Markdown outside docs/ and its path on the site. */
const GUIDES: Record<string, string> = {
  'README.md': 'guide/start.html',
  'CHANGELOG.md': 'guide/changes.html',
};

/** The titles of pages whose file is headed with the project's name. */
const TITLES: Record<string, string> = { 'README.md': 'Getting started', 'CHANGELOG.md': 'Changelog' };

/** The files that become pages; others are copied. */
const SOURCES = /\.(md|ts|mts|tsx|js|mjs|py|json|sh)$/;

/** The path on the site of a file of the repository. */
function sitePath(file: string): string {
  const [, api] = /^docs\/api\/(.*)\.md$/.exec(file) ?? [];
  const [, guide] = /^docs\/(.*)\.md$/.exec(file) ?? [];
  if (GUIDES[file]) return GUIDES[file];
  if (api) return `api/${api}.html`;
  if (guide) return `guide/${guide}.html`;
  if (SOURCES.test(file)) return `source/${file}.html`;
  return file.startsWith('docs/') ? `guide/${file.slice('docs/'.length)}` : `source/${file}`;
}

/**
 * Renders the guides (README.md, docs/*.md), the API pages that typedoc wrote to docs/api, and the files of the
 * repository that they link to.
 *
 * @param root the repository, with a trailing slash.
 * @throws Error naming a page with a broken link.
 */
export function collectPages(root: string): Pages {
  const texts = new Map<string, Text>();
  const files = new Map<string, string>();
  const todo = [...Object.keys(GUIDES), ...globSync(['docs/**/*.md'], { cwd: root }).sort()];
  for (const file of todo) {
    const path = sitePath(file);
    const link = (target: string) => {
      const [to = '', anchor] = target.split('#');
      if (/^[a-z]+:/.test(target) || to === '') return target;
      const linked = posix.join(posix.dirname(file), to);
      if (!existsSync(root + linked)) throw new Error(`${file} links to ${target}, which does not exist.`);
      if (statSync(root + linked).isDirectory())
        throw new Error(`${file} links to the folder ${target}; link to a file in it.`);
      const linkedPath = sitePath(linked);
      if (!linkedPath.endsWith('.html')) files.set(linkedPath, linked);
      else if (!todo.includes(linked)) todo.push(linked);
      return posix.relative(posix.dirname(path), linkedPath) + (anchor ? `#${anchor}` : '');
    };
    const title = TITLES[file];
    const read = (file: string) => readFileSync(root + file, 'utf8');
    const source = read(file);
    const text = title ? source.replace(/^# .*/, `# ${title}`) : source;
    const sizeOf = (target: string) => imageSize(root + posix.join(posix.dirname(file), target));
    const isText = file.endsWith('.md');
    texts.set(path, isText ? render(namedModules(file, text, read), link, sizeOf) : sourceText(file, text));
  }
  texts.set(LOST, LOST_TEXT);
  return { pages: withLists(texts), files };
}

function sourceText(file: string, text: string): Text {
  return {
    title: file,
    html: `<h1>${file}</h1>\n${highlighted(text, posix.extname(file).slice(1))}`,
    sections: [{ id: '', level: 1, title: file, text: '' }],
    lead: { text: '', beforeSections: false },
  };
}

/** Adds to each page what follows from all of them. */
function withLists(texts: ReadonlyMap<string, Text>): Pages['pages'] {
  const paths = [...texts.keys()];
  const titles = new Map([...texts].map(([path, { title }]) => [path, title]));
  const english = guideGroups(titles);
  const chinese = chineseGroups(english, titles);
  const groupsFor = (path: string) => (isChinese(path) ? chinese : english);
  return new Map(
    [...texts].map(([path, text]) => [
      path,
      {
        ...text,
        language: isChinese(path) ? 'zh-CN' : 'en',
        translation: translationOf(path, texts),
        description: description(path, text),
        image: imageOf(path, text),
        sidebar: path.startsWith('api/')
          ? list(apiEntries(paths, path), path)
          : guideList(groupsFor(path), path, text),
        pager: pager(groupsFor(path), path),
      },
    ]),
  );
}

const isChinese = (path: string) => path.startsWith('guide/zh/');

function translationOf(path: string, texts: ReadonlyMap<string, Text>): Summary['translation'] {
  const other = isChinese(path) ? path.replace('/zh/', '/') : path.replace(/^guide\//, 'guide/zh/');
  if (other === path || !texts.has(other)) return undefined;
  return { path: other, language: isChinese(other) ? 'zh-CN' : 'en' };
}

/** All guides, and below the page itself its sections. */
function guideList(groups: readonly Group[], path: string, { sections }: Text): string {
  const children = sections
    .filter(({ level }) => level === 2)
    .map(({ id, title }) => ({ title, path: `${path}#${id}` }));
  const withSections = (entry: Entry) => (entry.path === path ? { ...entry, children } : entry);
  return groups.map(([title, entries]) => `<p>${title}</p>${list(entries.map(withSections), path)}`).join('');
}

/** Characters of a description that search engines show. */
const SHOWN = 160;

/** The first sentences of a page, or what kind of page it is. */
function description(path: string, { title, lead }: Text): string {
  const [, module = ''] = /^api\/(\w+)\//.exec(path) ?? [];
  const text = module && !lead.beforeSections ? '' : lead.text;
  if (text) return sentences(text);
  if (module) return `${title} in ${imported(module)}.`;
  return path.startsWith('source/')
    ? `The file ${title} of vgg-blocks.`
    : 'Every module of vgg-blocks and its exports.';
}

/** As many whole sentences as are shown, but at least one. */
function sentences(text: string): string {
  const [first = text, ...others] =
    text.replace(/:$/, '.').match(/.+?[.。](?=\s|$|[\u4e00-\u9fff])\s*/g) ?? [];
  let all = first;
  for (const sentence of others) {
    if ((all + sentence).trim().length > SHOWN) break;
    all += sentence;
  }
  return all.trim();
}

/** The first image of a page that previews can show, which excludes SVG. */
function imageOf(path: string, { html }: Text): string {
  const [, image] = /<img src="([^"]+\.(?:png|jpg))"/.exec(html) ?? [];
  return image ? posix.join(posix.dirname(path), image) : CARD;
}

/** The template with a page filled in. */
export function filledIn(template: string, path: string, page: Page, options?: { policy: boolean }): string {
  const { html, sidebar, language } = page;
  return withHead(path === LOST ? withWayHome(template) : template, path, page, options)
    .replace('<!--sidebar-->', () => sidebar)
    .replace('<main id="app" lang="en"', `<main id="app" lang="${language}"`)
    .replace('<!--content-->', () => html + page.pager);
}
