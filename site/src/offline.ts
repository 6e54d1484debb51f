/** What a service worker reports to the pages. */
export type OfflineStatus = { kept: 'all' } | { failed: string };

/** How much of the site works offline, and why not all of it. */
export type Offline =
  | { state: 'keeping' | 'ready' | 'impossible' }
  | { state: 'partly' | 'failed'; why: string };

/** Milliseconds until a failed registration of the service worker is tried again. */
const PAUSES = [2000, 15_000];

/**
 * Has a service worker save the site for offline use: first the playground, then the guides and the API pages.
 *
 * @param site the site's root.
 * @param onChange called at once and on every change.
 */
export async function keepOffline(site: URL, onChange: (offline: Offline) => void): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container) return onChange({ state: 'impossible' });
  onChange({ state: 'keeping' });
  let active = false;
  let why = '';
  container.addEventListener('message', ({ data }: MessageEvent<OfflineStatus>) => {
    if ('kept' in data) onChange({ state: 'ready' });
    else {
      why = data.failed;
      onChange({ state: active ? 'partly' : 'failed', why });
    }
  });
  container.startMessages();
  // A new version of the site may take over while the page is open.
  container.addEventListener('controllerchange', () => container.controller?.postMessage('keep the rest'));
  for (let attempt = 0; !active; attempt++) {
    try {
      const registration = await container.register(new URL('sw.js', site));
      const worker = await activated(registration);
      active = true;
      worker.postMessage('keep the rest');
    } catch (error) {
      onChange({ state: 'failed', why: why || (error as Error).message });
      const pause = PAUSES[attempt];
      if (pause === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** The newest worker once it is active; rejects when its installation fails and no older one is active. */
function activated({ installing, waiting, active }: ServiceWorkerRegistration): Promise<ServiceWorker> {
  const newest = installing ?? waiting;
  if (!newest) return Promise.resolve(active!);
  return new Promise((resolve, reject) => {
    const look = () => {
      if (newest.state === 'activated') resolve(newest);
      else if (newest.state === 'redundant' && active) resolve(active);
      else if (newest.state === 'redundant') reject(new Error('the service worker could not be installed'));
    };
    newest.addEventListener('statechange', look);
    look();
  });
}
