import MiniSearch, { type Query } from 'minisearch';
import { type Entry, INDEX, OPTIONS } from './searchOptions.js';
import { siteRoot } from './siteRoot.js';
import { type Language, textsOf } from './text/index.js';

/** Results that the list shows. */
const SHOWN = 12;

type Found = Pick<Entry, 'id' | 'page' | 'title' | 'excerpt'>;

/** Loads the index and shows what is found while somebody types; rejects if the index cannot be loaded. */
export async function startSearch(input: HTMLInputElement): Promise<void> {
  const panel = document.getElementById('found') as HTMLElement;
  const [status, list] = panel.children as unknown as [HTMLElement, HTMLElement];
  const texts = async () => (await textsOf(document.documentElement.dataset.language as Language)).search;
  const around = input.parentElement!;
  const close = () => {
    panel.hidden = true;
  };
  let index: MiniSearch<Entry>;
  try {
    index = MiniSearch.loadJSON(await (await fetch(new URL(INDEX, siteRoot()))).text(), OPTIONS);
  } catch (error) {
    list.replaceChildren();
    delete panel.dataset.words;
    status.textContent = (await texts()).failed;
    panel.hidden = false;
    throw error;
  }
  const show = async () => {
    const t = await texts();
    const words = input.value.trim();
    const found = find(index, words);
    list.replaceChildren(...found.slice(0, SHOWN).map(item));
    status.textContent = t.found(found.length);
    panel.dataset.words = words;
    // Whoever has moved on while the index was loaded is not shown a list.
    panel.hidden = words === '' || !around.contains(document.activeElement);
  };
  input.addEventListener('input', show);
  around.addEventListener('keydown', (event) => {
    const links = [input, ...list.querySelectorAll('a')];
    const to = links.indexOf(event.target as HTMLAnchorElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key]!;
    if (event.key === 'Escape') {
      input.focus();
      close();
    } else if (event.key === 'Enter' && event.target === input) links[1]?.click();
    else if (links[to]) {
      event.preventDefault();
      links[to].focus();
    }
  });
  around.addEventListener('focusout', ({ relatedTarget }) => {
    if (!around.contains(relatedTarget as Node | null)) close();
  });
  await show();
}

/** Entries with all words, or else with any; the last words may be unfinished and long ones misspelled. */
function find(index: MiniSearch<Entry>, query: Query): Found[] {
  const options = {
    prefix: true,
    fuzzy: (term: string) => term.length > 4 && 0.2,
    boost: { title: 4, page: 2 },
    // A function comes before the type of its options.
    boostDocument: (id: string) => (/\/(interfaces|type-aliases)\//.test(id) ? 0.5 : 1),
    processTerm: (term: string) => term.toLowerCase(),
  };
  const all = index.search(query, { ...options, combineWith: 'AND' });
  return (all.length > 0 ? all : index.search(query, options)) as unknown as Found[];
}

function item({ id, page, title, excerpt }: Found): HTMLElement {
  const link = document.createElement('a');
  link.href = new URL(id, siteRoot()).href;
  for (const [name, text] of Object.entries({
    strong: title,
    small: page === title ? '' : page,
    span: excerpt,
  })) {
    link.append(Object.assign(document.createElement(name), { textContent: text }));
  }
  const item = document.createElement('li');
  item.append(link);
  return item;
}
