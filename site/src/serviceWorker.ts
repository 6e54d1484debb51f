/** Every file of the site, from its root; the build fills it in. */
declare const FILES: string[];
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
const worker = self as unknown as {
  location: Location;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
};

const PREFIX = 'vgg-blocks-site-';
const NAME = PREFIX + VERSION;
const root = new URL('./', worker.location.href);

self.addEventListener('install', (event) => {
  (event as WaitingEvent).waitUntil(
    caches
      .open(NAME)
      .then((cache) =>
        cache.addAll(FILES.map((file) => new Request(new URL(file, root), { cache: 'no-cache' }))),
      )
      .then(() => worker.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
    }
    await worker.clients.claim();
  };
  (event as WaitingEvent).waitUntil(clean());
});

self.addEventListener('fetch', (event) => {
  const { request } = event as RequestEvent;
  const url = new URL(request.url);
  if (request.method !== 'GET' || !url.href.startsWith(root.href)) return;
  (event as RequestEvent).respondWith(kept(url).then((response) => response ?? fetch(request)));
});

/** The site's own copy of a file; a folder's is its index.html. */
async function kept(url: URL): Promise<Response | undefined> {
  const cache = await caches.open(NAME);
  const path = url.origin + url.pathname;
  return cache.match(path.endsWith('/') ? `${path}index.html` : path);
}
