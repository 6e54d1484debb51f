import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { openTab, useSite } from './page.js';

const served = useSite();

/** The results of these words, and not of the first ones of them. */
const resultsOf = (page: Page, words: string) => page.locator(`#found[data-words="${words}"]`);

/** Types into the search field and gives the addresses of the results, from the site's root. */
async function search(page: Page, words: string): Promise<string[]> {
  await page.fill('#search', '');
  await page.click('#search');
  await page.keyboard.type(words);
  await resultsOf(page, words).waitFor();
  const links = await resultsOf(page, words)
    .locator('a')
    .evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
  return links.map((link) => link.slice(served.site.url.length));
}

describe.skipIf(!hasChromium)('a guide', () => {
  test('finds functions and headings, by keyboard alone, and loads the search only when it is asked for', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}guide/weights.html`);
    const loaded = () =>
      page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .map(({ name }) => name)
          .join('\n'),
      );
    expect(await loaded()).not.toContain('search');
    const gradCam = 'api/features/functions/gradCam.html';
    expect((await search(page, 'gradCam'))[0]).toBe(gradCam);
    await expect.poll(loaded).toContain('guide/search.json');
    for (const words of ['grad cam', 'Grad-CAM', 'gradcan'])
      expect(await search(page, words), words).toContain(gradCam);
    expect((await search(page, 'why alexnet vgg more'))[0]).toBe(
      'guide/chapter.html#why-vgg-needs-so-much-more-than-alexnet',
    );
    await page.keyboard.press('Escape');
    await page.locator('#found').waitFor({ state: 'hidden' });
    await search(page, 'why alexnet vgg more');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/chapter.html#why-vgg-needs*');
    await page.fill('#search', 'xyzzyx');
    await resultsOf(page, 'xyzzyx').getByText('Nothing found').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('reports a search index that cannot be loaded, and tries again', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}guide/weights.html`);
    served.site.fails = (path) => path.endsWith('search.json');
    await page.click('#search');
    await page.waitForSelector('#found >> text=could not be loaded');
    served.site.fails = () => false;
    await page.click('h1');
    expect(await search(page, 'gradCam')).not.toEqual([]);
    await page.close();
  });

  test('copies each block of code as it stands', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}guide/features.html`);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const block = page.locator('.code').first();
    await block.locator('button').click();
    await block.locator('button >> text=Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await block.locator('pre').evaluate((pre) => pre.textContent));
    expect(copied).toMatch(/^import .*;\n/);
    const blocks = await page.locator('article pre').count();
    await expect.poll(() => page.locator('.code button').count()).toBe(blocks);
    await page.close();
  });

  test('on a phone opens the list of all pages from a button, and goes on to the next guide', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}guide/start.html`, {
      width: 360,
    });
    const list = page.locator('#pages');
    await list.waitFor({ state: 'hidden' });
    await page.click('#menu');
    await list.waitFor();
    expect(await list.locator('[aria-current]').first().innerText()).toBe('Getting started');
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'hidden' });
    await page.click('.pager [rel=next]');
    await page.waitForURL('**/guide/chapter.html');
    expect(await page.innerText('h1')).toBe('The chapter, step by step');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('that exists in Chinese is shown in the chosen language', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}guide/gallery.html`, {
      language: 'zh',
    });
    await page.click('.banner nav a >> text=指南');
    await page.waitForURL('**/guide/zh/start.html');
    expect(await page.innerText('h1')).toBe('入门');
    expect(await page.getAttribute('main', 'lang')).toBe('zh-CN');
    const listed = page.locator('#pages a[lang=zh-CN]');
    expect(await listed.allInnerTexts()).toEqual(['入门', '逐步实现使用块的网络']);
    expect(await page.getAttribute('#pages [aria-current]', 'href')).toBe('start.html');
    expect(await page.getAttribute('.pager [rel=next]', 'href')).toBe('chapter.html');
    await page.selectOption('#language', 'en');
    await page.waitForURL('**/guide/start.html');
    await page.click('.banner nav a >> text=Chapter');
    await page.waitForURL('**/guide/chapter.html');
    await page.selectOption('#language', 'zh');
    await page.waitForURL('**/guide/zh/chapter.html');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('is printed as its text alone, in black on white', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}guide/features.html`, {
      theme: 'dark',
    });
    await page.waitForSelector('.code button');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    for (const part of ['.banner', '.aside', '.pager', '.foot', '.code button'])
      expect(await page.locator(part).first().isVisible(), part).toBe(false);
    expect(await page.evaluate(() => getComputedStyle(document.body).color)).toBe('rgb(21, 32, 43)');
    await page.close();
  });
});
