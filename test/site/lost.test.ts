import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { faults } from './faults.js';
import { openTab, useSite } from './page.js';

const served = useSite();

describe.skipIf(!hasChromium)('an address that does not exist', () => {
  test.each(['nothing.html', 'guide/nothing.html', 'api/train/functions/nothing.html', 'guide/zh/a/b/'])(
    'shows the way back, the guides and the search: %s',
    async (path) => {
      const { page } = await openTab(served.browser, served.site.url + path);
      // It goes to its own address from a folder, where its links would lead nowhere.
      const there = path.includes('/') ? '404.html' : path;
      await page.waitForURL(served.site.url + there);
      await page.locator('h1', { hasText: 'This page does not exist' }).waitFor();
      await expect.poll(() => page.locator('h1:visible').count()).toBe(1);
      const links = await page
        .locator('main a:visible')
        .evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
      const paths = ['index.html', 'guide/start.html', 'api/index.html'];
      expect(links).toEqual(paths.map((one) => served.site.url + one));
      await page.click('text=Search the guides and the API');
      await page.keyboard.type('gradCam');
      await page.locator('#found[data-words="gradCam"] a').first().click();
      await page.waitForURL('**/api/features/functions/gradCam.html');
      await page.close();
    },
  );

  test.each(['light', 'dark'] as const)(
    'says so in Chinese too, without a fault, when it is %s',
    async (theme) => {
      const { page } = await openTab(served.browser, 'about:blank', { theme, language: 'zh' });
      await page.goto(`${served.site.url}nothing.html`);
      await page.locator('h1', { hasText: '没有这个页面' }).waitFor();
      await expect.poll(() => page.locator('h1:visible').count()).toBe(1);
      expect(await faults(page, `lost-zh-${theme}`)).toEqual([]);
      await page.click('text=从第一篇指南开始');
      await page.waitForURL('**/guide/zh/start.html');
      await page.close();
    },
  );
});
