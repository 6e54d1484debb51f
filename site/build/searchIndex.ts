import MiniSearch from 'minisearch';
import { type Entry, OPTIONS } from '../src/searchOptions.js';
import { imported } from './api.js';
import type { Page } from './pages.js';

/** Characters of a text that the list of results shows. */
const EXCERPT = 110;

/** The search index of all pages: guides by their sections, and API pages as a whole. */
export function searchIndex(pages: ReadonlyMap<string, Page>): string {
  const index = new MiniSearch<Entry>(OPTIONS);
  index.addAll(
    [...pages].flatMap(([path, page]) =>
      path.startsWith('api/') ? [apiEntry(path, page)] : entriesOf(path, page),
    ),
  );
  return JSON.stringify(index);
}

function apiEntry(path: string, { title, sections, description }: Page): Entry {
  const [, module = 'index'] = /^api\/(\w+)\//.exec(path) ?? [];
  const text = sections.map((section) => `${section.title} ${section.text}`).join(' ');
  return {
    id: path,
    page: imported(module),
    title: title.replace(/^.*: /, ''),
    text,
    excerpt: excerptOf(description),
  };
}

function entriesOf(path: string, { title: page, sections }: Page): Entry[] {
  return sections.map(({ id, level, title, text }) => ({
    id: level === 1 ? path : `${path}#${id}`,
    page,
    title,
    text,
    excerpt: excerptOf(text),
  }));
}

/** The first words of a text. */
function excerptOf(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= EXCERPT ? trimmed : `${trimmed.slice(0, trimmed.lastIndexOf(' ', EXCERPT))}…`;
}
