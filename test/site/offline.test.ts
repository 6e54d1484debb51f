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

async function worksOffline(page: Page): Promise<void> {
  await page.context().setOffline(true);
  await page.goto(`${served.site.url}guide/chapter.html`);
  expect(await page.innerText('h1')).toContain('chapter');
  await page.goto(`${served.site.url}#view=train&${TINY}`);
  await page.reload();
  await trainToTheEnd(page, 60_000);
}

describe.skipIf(!hasChromium)('the site, once its foot reports that it is ready', () => {
  test('works offline; on a metered connection it asks before it saves, and each page is no request of its own', async () => {
    const { page, complaints } = await openTab(served.browser, 'about:blank', { offline: true });
    await page.addInitScript(() =>
      Object.defineProperty(navigator, 'connection', { value: { saveData: true } }),
    );
    await page.goto(served.site.url);
    await waitForFoot(page, 'asking');
    // What the page itself loads has come, its later views too.
    await page.waitForSelector('.heat-card canvas');
    await page.waitForLoadState('networkidle');
    const asked = new Set<string>();
    served.site.fails = (path) => {
      asked.add(path);
      return false;
    };
    await page.waitForTimeout(500);
    expect([...asked]).toEqual([]);
    await page.click('#offline button');
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
