import { describe, expect, test } from 'vitest';
import { garments } from '../../src/data/index.js';
import { idxFiles } from '../data/idxFile.js';
import { hasChromium } from '../support/chromium.js';
import { drop, go, openTab, TINY, trainToTheEnd, useSite } from './page.js';

const served = useSite();

describe.skipIf(!hasChromium)('the playground', () => {
  test('trains and looks inside in a browser without IndexedDB, and says that it keeps nothing', async () => {
    const { page, complaints } = await openTab(served.browser, 'about:blank');
    await page.addInitScript(() => Object.defineProperty(window, 'indexedDB', { value: undefined }));
    await page.goto(`${served.site.url}#view=train&${TINY}`);
    await trainToTheEnd(page);
    await page.waitForSelector('text=does not let the page keep networks');
    await go(page, 'inside');
    await page.waitForSelector('.guesses li');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('says that dropped files are not kept where the browser has no room for them', async () => {
    const { page, complaints } = await openTab(served.browser, 'about:blank');
    await page.addInitScript(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException('no room', 'QuotaExceededError');
      };
    });
    await page.goto(`${served.site.url}#view=train&${TINY}`);
    await page.waitForSelector('.status');
    const files = Object.entries(idxFiles(garments({ trainImages: 40, testImages: 10 })));
    await drop(
      page,
      files.map(([name, bytes]) => ({ name, bytes })),
    );
    await page.waitForSelector('.notices >> text=no room to keep these files');
    // They are there all the same.
    await page.waitForSelector('.samples-row li');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('ends the worker of the opening when its network cannot be loaded', async () => {
    served.site.fails = (path) => path.endsWith('.safetensors');
    const { page } = await openTab(served.browser, served.site.url);
    await page.waitForSelector('.notices .note.bad');
    await expect.poll(() => page.workers().length).toBe(0);
    await page.close();
  });
});
