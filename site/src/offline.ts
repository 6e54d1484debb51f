import { isMetered } from './connection.js';

/** What a service worker reports to the pages. */
export type OfflineStatus = { kept: 'all' } | { failed: string };

/** How much of the site works offline, and why not all of it; `save` starts what waits for an answer. */
export type Offline =
  | { state: 'keeping' | 'ready' | 'impossible' }
  | { state: 'asking'; save(): void }
  | { state: 'partly' | 'failed'; why: string };

/** Milliseconds until a failed registration of the service worker is tried again. */
const PAUSES = [2000, 15_000];

/** Megabytes that the whole site takes at most. */
export const SITE_MB = 11;

/** Milliseconds without the end of a download after which the page counts as loaded. */
const QUIET = 2000;

/**
 * Has a service worker save the site for offline use, after everything that the page itself loads: first the playground, then
 * the guides and the API pages. On a metered connection it asks first, unless an earlier visit has saved the site.
 *
 * @param site the site's root.
 * @param isBusy whether the page is still loading something: the browser lists downloads only once they have ended.
 * @param onChange called at once and on every change.
 */
export async function keepOffline(
  site: URL,
  isBusy: () => boolean,
  onChange: (offline: Offline) => void,
): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!container) return onChange({ state: 'impossible' });
  await idle(isBusy);
  if (isMetered() && !(await container.getRegistration(site))) {
    await new Promise<void>((save) => onChange({ state: 'asking', save }));
  }
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
      const registration = (await container.register(new URL('sw.js', site))) as
        | ServiceWorkerRegistration
        | undefined;
      // A browser that is told to block service workers answers with nothing.
      if (!registration) return onChange({ state: 'impossible' });
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

/** Waits until the page has not ended a download for a while, awaits none, and has nothing to compute. */
async function idle(isBusy: () => boolean): Promise<void> {
  const loaded = () => performance.getEntriesByType('resource').length;
  for (let before = -1; before !== loaded() || isBusy(); ) {
    before = loaded();
    await new Promise((resolve) => setTimeout(resolve, QUIET));
  }
  // Safari has no idle callbacks.
  await new Promise<unknown>((resolve) => (globalThis.requestIdleCallback ?? setTimeout)(resolve));
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
