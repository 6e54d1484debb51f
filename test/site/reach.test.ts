import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { go, openTab, useSite } from './page.js';

const served = useSite();

/** The pictures of a card, once they are loaded. */
async function picturesOf(page: Page, card: string): Promise<string[]> {
  const list = page.locator(`.more .${card} img`);
  await list.first().scrollIntoViewIfNeeded();
  await page.waitForFunction(
    (card) =>
      [...document.querySelectorAll<HTMLImageElement>(`.more .${card} img`)].every(
        (one) => one.complete && one.naturalWidth > 0,
      ),
    card,
  );
  return list.evaluateAll((all) => all.map((one) => (one as HTMLImageElement).src));
}

describe.skipIf(!hasChromium)('from the first screen', () => {
  test('what the library does besides is two clicks away, each with pictures of its own', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url);
    // The explanations are there without a click, with a legend.
    await page.waitForSelector('.heat-card canvas');
    await expect.poll(() => page.locator('.heat-card select option').count()).toBe(8);
    await page.locator('.heat-card .legend').waitFor();

    await go(page, 'weights');
    await page.waitForSelector('h2 >> text=Does it match PyTorch?');
    for (const card of ['explain', 'transfer'])
      expect((await picturesOf(page, card)).length).toBeGreaterThan(0);
    await page.click('.more .explain a');
    await page.waitForURL('**/guide/gallery.html');
    await expect.poll(() => page.innerText('article')).toContain('explain');
    await page.goBack();
    await page.waitForSelector('.more .explain');

    await go(page, 'style');
    await page.waitForSelector('.paint .primary');
    for (const [command, link, name, anchor] of [
      ['npx vgg-blocks style', 'How it works', 'styleTransfer', 'style'],
      ['npx vgg-blocks lpips', 'About LPIPS', 'imageDistance', 'lpips'],
    ] as const) {
      await page.waitForSelector(`.about:has-text("${link}") code >> text=${command}`);
      await page.click(`.about >> text=${link}`);
      await page.waitForURL(`**/guide/perceptual.html#${anchor}`);
      const text = () => page.innerText('article');
      await expect.poll(text).toContain(name);
      expect(await text()).toContain(command);
      await page.locator(`#${anchor}`).waitFor();
      await page.goBack();
      await page.waitForSelector('.paint .primary');
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each(['en', 'zh'] as const)(
    'on a phone, in %s, the two buttons of a class are side by side',
    async (language) => {
      const { page } = await openTab(served.browser, `${served.site.url}#view=own`, { width: 360, language });
      const buttons = page.locator('.own-class >> nth=0 >> .button');
      await buttons.first().waitFor();
      const places = () =>
        buttons.evaluateAll((all) => [...new Set(all.map((one) => one.getBoundingClientRect().top))].length);
      await expect
        .poll(() => buttons.allInnerTexts())
        .toEqual(language === 'zh' ? ['选择图像', '使用摄像头'] : ['Choose images', 'Camera']);
      await expect.poll(places).toBe(1);
      await page.close();
    },
  );

  test('on a phone in Chinese no line ends within the name of a kind of file', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}#view=weights`, {
      width: 360,
      language: 'zh',
    });
    const lead = page.locator('.card > p').first();
    await lead.getByText('.onnx').waitFor();
    const broken = await lead.evaluate((element) => {
      const text = element.firstChild as Text;
      return [...text.data.matchAll(/\.\w+/g)]
        .filter(({ index, 0: name }) => {
          const range = document.createRange();
          range.setStart(text, index);
          range.setEnd(text, index + name.length);
          return new Set([...range.getClientRects()].map(({ top }) => top)).size > 1;
        })
        .map(([name]) => name);
    });
    expect(broken).toEqual([]);
    await page.close();
  });

  test('on a phone the answer is beside the drawing, maps are in four columns, the facts in a row, and Train stays in reach', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url, { width: 360 });
    /** The tops of elements, or other sides, once there are as many. */
    const sides = async (selector: string, count: number, side: 'top' | 'left' = 'top') => {
      await expect.poll(() => page.locator(selector).count()).toBe(count);
      const all = await page
        .locator(selector)
        .evaluateAll((all, side) => all.map((one) => Math.round(one.getBoundingClientRect()[side])), side);
      return new Set(all).size;
    };
    await page.waitForSelector('.heat-card canvas');
    expect(await sides('.image-card, .answer-card', 2)).toBe(1);
    expect(await sides('.all-maps button', 16, 'left')).toBe(4);
    // All of them are seen, or a part of a row shows that there are more.
    const hidden = await page
      .locator('.all-maps')
      .evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight);
    expect(hidden).toBe(0);
    // The hint on the pad is not cut.
    const [pad, hint] = await Promise.all(
      ['.pad .over', '.pad .over span'].map(async (part) => (await page.locator(part).boundingBox())!),
    );
    expect(hint!.x + hint!.width).toBeLessThanOrEqual(pad!.x + pad!.width);

    await go(page, 'network');
    await page.waitForSelector('.facts');
    expect(await sides('.facts > div', 5)).toBe(1);

    await go(page, 'train');
    const button = page.locator('.run .primary');
    for (const to of [0, 1e6]) {
      await page.evaluate((to) => scrollTo(0, to), to);
      await expect
        .poll(() =>
          button.evaluate((one) => {
            const { top, bottom } = one.getBoundingClientRect();
            return top > innerHeight / 2 && bottom <= innerHeight;
          }),
        )
        .toBe(true);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([
    ['en', 1280],
    ['zh', 1280],
    ['en', 360],
    ['zh', 360],
  ] as const)("in %s at %i pixels the search's hint fits its field", async (language, width) => {
    const { page } = await openTab(served.browser, `${served.site.url}guide/start.html`, { width, language });
    await page.waitForSelector(`#search[placeholder*="${language === 'zh' ? '搜索' : 'Search'}"]`);
    const { text, room } = await page.locator('#search').evaluate((input: HTMLInputElement) => {
      const { paddingLeft, paddingRight } = getComputedStyle(input);
      const { font, letterSpacing } = getComputedStyle(input, '::placeholder');
      const pen = document.createElement('canvas').getContext('2d')!;
      Object.assign(pen, { font, letterSpacing: letterSpacing === 'normal' ? '0px' : letterSpacing });
      return {
        text: pen.measureText(input.placeholder).width,
        room: input.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight),
      };
    });
    expect(text).toBeGreaterThan(0);
    expect(text).toBeLessThanOrEqual(room);
    await page.close();
  });
});
