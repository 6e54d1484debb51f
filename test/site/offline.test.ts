import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { openTab, TINY, trainToTheEnd, useSite } from './page.js';

const served = useSite();

/** Waits until the page's foot shows a state; fails with its text otherwise. */
async function waitForFoot(page: Page, state: string): Promise<void> {
  const foot = page.locator('#offline');
  await page.waitForSelector(`#offline[data-state=${state}]`).catch(async (error) => {
    throw new Error(`the foot shows: ${await foot.innerText()}`, { cause: error });
  });
}

/** All paths that are asked for from now on. */
function record(): Set<string> {
  const asked = new Set<string>();
  served.site.fails = (path) => {
    asked.add(path);
    return false;
  };
  return asked;
}

/** What the browser has of a copy: service workers and caches. */
const saved = (page: Page) =>
  page.evaluate(async () => {
    const workers = await navigator.serviceWorker.getRegistrations();
    return [...workers.map(({ scope }) => scope), ...(await caches.keys())];
  });

async function worksOffline(page: Page): Promise<void> {
  await page.context().setOffline(true);
  await page.goto(`${served.site.url}guide/chapter.html`);
  expect(await page.innerText('h1')).toContain('chapter');
  await page.goto(`${served.site.url}#view=train&${TINY}`);
  await page.reload();
  await trainToTheEnd(page);
}

describe.skipIf(!hasChromium)('the site, once its foot reports that it is ready', () => {
  test('works offline, and each page is no request of its own', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url, { offline: true });
    const asked = record();
    await waitForFoot(page, 'ready');
    expect(asked).toContain('pages.json');
    expect([...asked].filter((path) => path.endsWith('.html'))).toEqual(['index.html']);
    await worksOffline(page);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('works offline even though many requests failed on the way', async () => {
    const { page } = await openTab(served.browser, served.site.url, { offline: true });
    const asked = new Set<string>();
    let lost = 0;
    served.site.fails = (path) => {
      // Every fifth file, the first time.
      const fails = !asked.has(path) && asked.size % 5 === 4;
      asked.add(path);
      if (fails) lost++;
      return fails;
    };
    await waitForFoot(page, 'ready');
    expect(lost).toBeGreaterThan(15);
    await worksOffline(page);
    await page.close();
  });

  test('names a file that could not be saved, and saves it on the next visit', async () => {
    served.site.fails = (path) => path === 'pages.json';
    const { page } = await openTab(served.browser, served.site.url, { offline: true });
    await waitForFoot(page, 'partly');
    expect(await page.innerText('#offline')).toContain('pages.json: ');
    served.site.fails = (path) => path === 'guide/search.json'; // Saved before, so not requested again.
    await page.reload();
    await waitForFoot(page, 'ready');
    await worksOffline(page);
    await page.close();
  });
});

test.skipIf(!hasChromium)(
  'a playground that cannot be saved reports why, and tries again by itself',
  async () => {
    served.site.fails = (path) => path === 'manifest.webmanifest';
    const { page } = await openTab(served.browser, served.site.url, { offline: true });
    await waitForFoot(page, 'failed');
    await page.waitForSelector('#offline >> text=manifest.webmanifest: ');
    served.site.fails = () => false;
    await waitForFoot(page, 'ready');
    await page.close();
  },
);

describe.skipIf(!hasChromium)('the offline copy', () => {
  test('waits until what the page itself loads is there, however long that takes', async () => {
    const { page, complaints } = await openTab(served.browser, 'about:blank', { offline: true });
    // Counts the looks that the page takes at what it has loaded.
    await page.addInitScript(() => {
      const { getEntriesByType } = performance;
      Object.assign(window, { looks: 0 });
      performance.getEntriesByType = (type) => {
        (window as never as { looks: number }).looks++;
        return getEntriesByType.call(performance, type);
      };
    });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route('**/*.safetensors', async (route) => {
      await held;
      await route.continue();
    });
    const asked = record();
    await page.goto(served.site.url);
    // Two looks every two seconds, most of them without the end of a download since the last.
    await page.waitForFunction(() => (window as never as { looks: number }).looks >= 12);
    expect(asked).not.toContain('sw.js');
    expect(await saved(page)).toEqual([]);
    release();
    await waitForFoot(page, 'ready');
    expect(asked).toContain('sw.js');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([
    ['where the browser saves data', { saveData: true }],
    ['on a metered line', { type: 'cellular' }],
  ])(
    '%s is made only if the visitor agrees, and once there is not asked for again',
    async (_, connection) => {
      const { page, complaints } = await openTab(served.browser, 'about:blank', { offline: true });
      await page.addInitScript(
        (value) => Object.defineProperty(navigator, 'connection', { value }),
        connection,
      );
      const asked = record();
      for (const visit of ['first', 'second']) {
        await page.goto(`${served.site.url}?${visit}`);
        await waitForFoot(page, 'asking');
        expect(await page.innerText('#offline')).toMatch(/metered.*Save it \(up to \d+ MB\)/);
        expect(await saved(page)).toEqual([]);
        expect(asked).not.toContain('sw.js');
      }
      await page.click('#offline button');
      await waitForFoot(page, 'ready');
      expect(await saved(page)).toHaveLength(2);
      await page.reload();
      await waitForFoot(page, 'ready');
      await worksOffline(page);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('is made without a question on a line that is known not to be metered', async () => {
    const { page } = await openTab(served.browser, 'about:blank', { offline: true });
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'connection', { value: { type: 'wifi', saveData: false } });
      // All states that the foot has had.
      const states: (string | undefined)[] = [];
      Object.assign(window, { states });
      new MutationObserver(() => states.push(document.getElementById('offline')?.dataset.state)).observe(
        document,
        { subtree: true, attributes: true, attributeFilter: ['data-state'] },
      );
    });
    await page.goto(served.site.url);
    await waitForFoot(page, 'ready');
    const states = await page.evaluate(() => (window as never as { states: string[] }).states);
    expect([...new Set(states)]).toEqual(['keeping', 'ready']);
    await page.close();
  });
});
