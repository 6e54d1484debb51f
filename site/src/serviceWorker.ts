import { isMetered } from './connection.js';
import type { OfflineStatus } from './offline.js';

/** Files of the playground, from the site's root; the build fills in all of these constants. */
declare const PLAYGROUND: string[];
/** What the guides and the API pages show and load. */
declare const READING: string[];
/** The guides and the API pages, and the file that has the text of each. */
declare const PAGES: string[];
declare const ALL_PAGES: string;
/** A hash of all files. */
declare const VERSION: string;

/** The parts of a service worker that TypeScript's DOM library does not have. */
interface WaitingEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface RequestEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Clients {
  claim(): Promise<void>;
  matchAll(options: {
    includeUncontrolled: boolean;
  }): Promise<{ postMessage(status: OfflineStatus): void }[]>;
}
const worker = self as unknown as { location: Location; clients: Clients; skipWaiting(): Promise<void> };

const PREFIX = 'vgg-blocks-site-';
const NAME = PREFIX + VERSION;
const root = new URL('./', worker.location.href);

self.addEventListener('install', (event) => {
  const install = async () => {
    // The version that is here works until the connection is a better one. The first was asked for.
    if (isMetered() && (await caches.keys()).some((name) => name.startsWith(PREFIX)))
      throw new Error('the connection is metered');
    await keep(PLAYGROUND);
    await worker.skipWaiting();
  };
  (event as WaitingEvent).waitUntil(install());
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
    // A page of the previous version may still be open and load more of itself.
    for (const name of old.slice(0, -1)) await caches.delete(name);
    await worker.clients.claim();
  };
  (event as WaitingEvent).waitUntil(clean());
});

let reading: Promise<void> | undefined;

// Each visit asks for the rest; files saved before are not fetched again.
self.addEventListener('message', (event) => {
  reading ??= keep(READING)
    .then(keepPages)
    .finally(() => {
      reading = undefined;
    });
  (event as Event as WaitingEvent).waitUntil(reading.then(() => report({ kept: 'all' })));
});

self.addEventListener('fetch', (event) => {
  const { request } = event as RequestEvent;
  const url = new URL(request.url);
  if (request.method !== 'GET' || !url.href.startsWith(root.href)) return;
  (event as RequestEvent).respondWith(kept(url).then((response) => response ?? fetch(request)));
});

/** The saved copy of a file; a folder's is its index.html. */
async function kept(url: URL): Promise<Response | undefined> {
  const path = url.origin + url.pathname;
  const file = path.endsWith('/') ? `${path}index.html` : path;
  return (await (await caches.open(NAME)).match(file)) ?? caches.match(file);
}

/** Simultaneous requests: as many as a browser makes to one host. */
const AT_A_TIME = 6;

/** Saves the files that are not saved yet; reports the first that cannot be, and why, to the pages and throws it. */
async function keep(files: readonly string[]): Promise<void> {
  const { cache, missing } = await missingOf(files);
  const next = missing.values();
  const one = async () => {
    for (const url of next) await take(url, (response) => cache.put(url, response));
  };
  await reported(() => Promise.all(Array.from({ length: AT_A_TIME }, one)));
}

/** Saves the pages, all from one file, since a request for each would be hundreds. */
async function keepPages(): Promise<void> {
  const { cache, missing } = await missingOf(PAGES);
  if (missing.length === 0) return;
  await reported(async () => {
    const pages = await take(new URL(ALL_PAGES, root).href, (response) => response.json());
    const headers = { 'content-type': 'text/html; charset=utf-8' };
    for (const [page, html] of Object.entries<string>(pages))
      await cache.put(new URL(page, root).href, new Response(html, { headers }));
  });
}

async function missingOf(files: readonly string[]): Promise<{ cache: Cache; missing: string[] }> {
  const cache = await caches.open(NAME);
  const there = new Set((await cache.keys()).map(({ url }) => url));
  return { cache, missing: files.map((file) => new URL(file, root).href).filter((url) => !there.has(url)) };
}

async function reported(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await report({ failed: (error as Error).message });
    throw error;
  }
}

/** Attempts at a file, since one failed request out of hundreds must not undo the rest. */
const TRIES = 4;

/** Downloads a file, and again if that or its `use` fails. */
async function take<T>(url: string, use: (response: Response) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A file whose name has a hash never changes.
      const lasting = attempt === 1 && url.includes('/assets/');
      const response = await fetch(url, { cache: lasting ? 'default' : 'no-cache', priority: 'low' });
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      // A host may redirect to a shorter address, and browsers reject a redirected response for a page.
      return await use(response.redirected ? new Response(response.body, response) : response);
    } catch (error) {
      if (attempt === TRIES) {
        throw new Error(`${url.slice(root.href.length)}: ${(error as Error).message}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
}

async function report(status: OfflineStatus): Promise<void> {
  for (const page of await worker.clients.matchAll({ includeUncontrolled: true })) page.postMessage(status);
}
