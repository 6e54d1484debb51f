import { existsSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { globSync } from 'tinyglobby';
import { withHead } from './head.js';
import { highlighted, render, type Text } from './markdown.js';

/** A page of the site other than the playground. */
export interface Page extends Text {
  sidebar: string;
}

/** The pages by their paths from the site's root, and the image files that they show. */
export interface Pages {
  pages: Map<string, Page>;
  files: Map<string, string>;
}

/** Markdown outside docs/ and its path on the site. */
const GUIDES: Record<string, string> = {
  'README.md': 'guide/start.html',
  'CHANGELOG.md': 'guide/changes.html',
};

/** The path on the site of a file of the repository. */
function sitePath(file: string): string {
  const [, api] = /^docs\/api\/(.*)\.md$/.exec(file) ?? [];
  const [, guide] = /^docs\/(.*)\.md$/.exec(file) ?? [];
  if (GUIDES[file]) return GUIDES[file];
  if (api) return `api/${api}.html`;
  if (guide) return `guide/${guide}.html`;
  return /\.(svg|png|jpg)$/.test(file) ? `guide/${file.replace(/^docs\//, '')}` : `source/${file}.html`;
}

/**
 * Renders the guides (README.md, docs/*.md), the API pages that typedoc wrote to docs/api, and the files of the
 * repository that they link to.
 *
 * @param root the repository, with a trailing slash.
 * @throws Error naming a page with a broken link.
 */
export function collectPages(root: string): Pages {
  const pages = new Map<string, Page>();
  const files = new Map<string, string>();
  const todo = [...Object.keys(GUIDES), ...globSync(['docs/**/*.md'], { cwd: root }).sort()];
  const sidebar = apiSidebar(todo);
  const done = new Set<string>();
  for (const file of todo) {
    if (done.has(file)) continue;
    done.add(file);
    const path = sitePath(file);
    const link = (target: string) => {
      const [to = '', anchor] = target.split('#');
      if (/^[a-z]+:/.test(target) || to === '') return target;
      const linked = posix.join(posix.dirname(file), to);
      if (!existsSync(root + linked)) throw new Error(`${file} links to ${target}, which does not exist.`);
      if (statSync(root + linked).isDirectory())
        throw new Error(`${file} links to the folder ${target}; link to a file in it.`);
      const linkedPath = sitePath(linked);
      if (linkedPath.startsWith('source/')) todo.push(linked);
      else if (/\.(svg|png|jpg)$/.test(linkedPath)) files.set(linkedPath, linked);
      return posix.relative(posix.dirname(path), linkedPath) + (anchor ? `#${anchor}` : '');
    };
    const text = readFileSync(root + file, 'utf8');
    const page = file.endsWith('.md') ? render(apiTitle(file, text), link) : sourcePage(file, text);
    pages.set(path, {
      ...page,
      sidebar: path.startsWith('api/') ? relativeTo(path, sidebar) : contents(page),
    });
  }
  return { pages, files };
}

function sourcePage(file: string, text: string): Text {
  return {
    title: file,
    html: `<h1>${file}</h1>\n${highlighted(text, posix.extname(file).slice(1))}`,
    sections: [],
  };
}

/** Modules by the names they are imported under. */
function apiTitle(file: string, text: string): string {
  const [, module] = /^docs\/api\/(\w+)\/index\.md$/.exec(file) ?? [];
  if (file === 'docs/api/index.md')
    return text
      .replace(/^((?:- .*\n)*)(- \[index\].*\n)/m, '$2$1')
      .replace(/^- \[(\w+)\]/gm, (_, name) => `- [${imported(name)}]`)
      .replace(/^# .*/, '# API');
  return module ? text.replace(/^# .*/, `# ${imported(module)}`) : text;
}

function imported(module: string): string {
  return module === 'index' ? 'vgg-blocks' : `vgg-blocks/${module}`;
}

/** Every module with its exports; links start at the site's root. */
function apiSidebar(files: readonly string[]): string {
  const modules = new Map<string, string[]>();
  for (const file of files) {
    const [, module, name] = /^docs\/api\/(\w+)\/[\w-]+\/(\w+)\.md$/.exec(file) ?? [];
    if (module)
      modules.set(module, [
        ...(modules.get(module) ?? []),
        `<li><a href="${sitePath(file)}">${name}</a></li>`,
      ]);
  }
  const order = [...modules].sort(
    ([a], [b]) => Number(b === 'index') - Number(a === 'index') || a.localeCompare(b),
  );
  return order
    .map(
      ([module, items]) =>
        `<details data-module="${module}"><summary>${imported(module)}</summary><ul><li><a href="api/${module}/index.html">Overview</a></li>${items.join('')}</ul></details>`,
    )
    .join('\n');
}

function relativeTo(path: string, sidebar: string): string {
  const [, module] = path.split('/');
  const links = sidebar.replace(/href="([^"]+)"/g, (_, to: string) => {
    const current = to === path ? ' aria-current="page"' : '';
    return `href="${posix.relative(posix.dirname(path), to)}"${current}`;
  });
  const open = links.replace(`<details data-module="${module}">`, `<details open data-module="${module}">`);
  return `<nav class="sidebar" aria-label="API">${open}</nav>`;
}

function contents({ sections, title }: Text): string {
  if (sections.length < 2) return '';
  const items = sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`);
  return `<nav class="sidebar" aria-label="${title}"><ul>${items.join('')}</ul></nav>`;
}

/** The template with a page filled in. */
export function filledIn(template: string, path: string, page: Page, options?: { policy: boolean }): string {
  const { title, html, sidebar } = page;
  return withHead(template, path, options)
    .replace('<!--title-->', () => title.replace(/[&<>]/g, ''))
    .replace('<!--sidebar-->', () => sidebar)
    .replace('<!--content-->', () => html);
}
