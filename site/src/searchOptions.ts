import type { Options } from 'minisearch';

/** A section of a guide, or a page of the API, as the search index knows it. */
export interface Entry {
  /** Its address from the site's root. */
  id: string;
  /** The page's title, and the section's. */
  page: string;
  title: string;
  text: string;
  /** The beginning of the text, shown below the title. */
  excerpt: string;
}

/** Where the index is, from the site's root. */
export const INDEX = 'guide/search.json';

/** How the index is built, which it does not remember. */
export const OPTIONS: Options<Entry> = {
  fields: ['page', 'title', 'text'],
  storeFields: ['page', 'title', 'excerpt'],
  // A name is found by its words too: gradCam by "cam".
  processTerm: (term) =>
    [...new Set([term, ...term.split(/(?<=[a-z0-9])(?=[A-Z])/)])].map((part) => part.toLowerCase()),
};
