import type { OfflineStatus } from './offline.js';

/** Files that the playground needs, from the site's root; the build fills them in. */
declare const PLAYGROUND: string[];
/** The guides and the API pages, and what they show. */
declare const READING: string[];
/** Changes with any file. */
declare const VERSION: string;

/** What a service worker has of its own; the DOM library does not know it. */
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
    await keep(PLAYGROUND);
    await worker.skipWaiting();
  };
  (event as WaitingEvent).waitUntil(install());
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
    // A page of the version before may still be open, and ask for a part of itself.
    for (const name of old.slice(0, -1)) await caches.delete(name);
    await worker.clients.claim();
  };
  (event as WaitingEvent).waitUntil(clean());
});

let reading: Promise<void> | undefined;

// Each visit asks for the rest: what was kept before is not fetched again.
self.addEventListener('message', (event) => {
  reading ??= keep(READING).finally(() => {
    reading = undefined;
  });
  (event as Event as WaitingEvent).waitUntil(reading.then(() => tell({ kept: 'all' })));
});

self.addEventListener('fetch', (event) => {
  const { request } = event as RequestEvent;
  const url = new URL(request.url);
  if (request.method !== 'GET' || !url.href.startsWith(root.href)) return;
  (event as RequestEvent).respondWith(kept(url).then((response) => response ?? fetch(request)));
});

/** The site's own copy of a file; a folder's is its index.html. */
async function kept(url: URL): Promise<Response | undefined> {
  const path = url.origin + url.pathname;
  const file = path.endsWith('/') ? `${path}index.html` : path;
  return (await (await caches.open(NAME)).match(file)) ?? caches.match(file);
}

/** Requests at a time, as many as a browser makes to one host. */
const AT_A_TIME = 6;

/** Fetches and keeps the files that are not kept yet; tells the pages which one could not be, and why, and throws that. */
async function keep(files: readonly string[]): Promise<void> {
  const cache = await caches.open(NAME);
  const there = new Set((await cache.keys()).map(({ url }) => url));
  const missing = files.map((file) => new URL(file, root).href).filter((url) => !there.has(url));
  const next = missing.values();
  const one = async () => {
    for (const url of next) await keepOne(cache, url);
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, one));
  } catch (error) {
    await tell({ failed: (error as Error).message });
    throw error;
  }
}

/** How often a file is asked for. Networks change while a site is fetched, and one lost answer must not undo the others. */
const TRIES = 4;

async function keepOne(cache: Cache, url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A name with a hash in it is the same file for ever.
      const lasting = attempt === 1 && url.includes('/assets/');
      const response = await fetch(url, { cache: lasting ? 'default' : 'no-cache' });
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      // A host may have sent us on to a shorter address, and a browser refuses such an answer for a page.
      await cache.put(url, response.redirected ? new Response(response.body, response) : response);
      return;
    } catch (error) {
      if (attempt === TRIES) {
        throw new Error(`${url.slice(root.href.length)}: ${(error as Error).message}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
}

async function tell(status: OfflineStatus): Promise<void> {
  for (const page of await worker.clients.matchAll({ includeUncontrolled: true })) page.postMessage(status);
}
