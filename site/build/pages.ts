import { existsSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { globSync } from 'tinyglobby';
import { withHead } from './head.js';
import { highlighted, render, type Text } from './markdown.js';

/** A page of the site besides the playground. */
export interface Page extends Text {
  sidebar: string;
}

/** The pages by their paths from the site's root, and the files that they show, which are copied. */
export interface Pages {
  pages: Map<string, Page>;
  files: Map<string, string>;
}

/** Markdown of the repository and where it stands on the site. */
const GUIDES: Record<string, string> = {
  'README.md': 'guide/start.html',
  'CHANGELOG.md': 'guide/changes.html',
};

/** Where a file of the repository stands on the site. */
function placeOf(file: string): string {
  const [, api] = /^docs\/api\/(.*)\.md$/.exec(file) ?? [];
  const [, guide] = /^docs\/(.*)\.md$/.exec(file) ?? [];
  if (GUIDES[file]) return GUIDES[file];
  if (api) return `api/${api}.html`;
  if (guide) return `guide/${guide}.html`;
  return /\.(svg|png|jpg)$/.test(file) ? `guide/${file.replace(/^docs\//, '')}` : `source/${file}.html`;
}

/**
 * Renders the guides (README.md, docs/*.md), the API pages that typedoc wrote to docs/api, and whatever files of the
 * repository they lead to.
 *
 * @param root the repository, with a slash at its end.
 * @throws Error that names the page when one of its links leads nowhere.
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
    const place = placeOf(file);
    const link = (target: string) => {
      const [path = '', anchor] = target.split('#');
      if (/^[a-z]+:/.test(target) || path === '') return target;
      const linked = posix.join(posix.dirname(file), path);
      if (!existsSync(root + linked)) throw new Error(`${file} links to ${target}, which is not there.`);
      if (statSync(root + linked).isDirectory())
        throw new Error(`${file} links to the folder ${target}; name a file.`);
      const to = placeOf(linked);
      if (to.startsWith('source/')) todo.push(linked);
      else if (/\.(svg|png|jpg)$/.test(to)) files.set(to, linked);
      return posix.relative(posix.dirname(place), to) + (anchor ? `#${anchor}` : '');
    };
    const text = readFileSync(root + file, 'utf8');
    const page = file.endsWith('.md') ? render(apiTitle(file, text), link) : sourcePage(file, text);
    pages.set(place, {
      ...page,
      sidebar: place.startsWith('api/') ? relativeTo(place, sidebar) : contents(page),
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

/** Modules under the names that they are imported by. */
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

/** Every module with what it exports; links are from the site's root. */
function apiSidebar(files: readonly string[]): string {
  const modules = new Map<string, string[]>();
  for (const file of files) {
    const [, module, name] = /^docs\/api\/(\w+)\/[\w-]+\/(\w+)\.md$/.exec(file) ?? [];
    if (module)
      modules.set(module, [
        ...(modules.get(module) ?? []),
        `<li><a href="${placeOf(file)}">${name}</a></li>`,
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

function relativeTo(place: string, sidebar: string): string {
  const [, module] = place.split('/');
  const links = sidebar.replace(/href="([^"]+)"/g, (_, to: string) => {
    const current = to === place ? ' aria-current="page"' : '';
    return `href="${posix.relative(posix.dirname(place), to)}"${current}`;
  });
  const open = links.replace(`<details data-module="${module}">`, `<details open data-module="${module}">`);
  return `<nav class="sidebar" aria-label="API">${open}</nav>`;
}

function contents({ sections, title }: Text): string {
  if (sections.length < 2) return '';
  const items = sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`);
  return `<nav class="sidebar" aria-label="${title}"><ul>${items.join('')}</ul></nav>`;
}

/** A page as it is served: the template with its parts filled in. */
export function filledIn(template: string, place: string, page: Page, options?: { policy: boolean }): string {
  const { title, html, sidebar } = page;
  return withHead(template, place, options)
    .replace('<!--title-->', () => title.replace(/[&<>]/g, ''))
    .replace('<!--sidebar-->', () => sidebar)
    .replace('<!--content-->', () => html);
}
