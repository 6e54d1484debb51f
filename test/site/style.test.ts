import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Page } from 'playwright-core';
import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { VGG16, vgg } from '../../src/index.js';
import { encodeWeights } from '../../src/weights/index.js';
import { hasChromium } from '../support/chromium.js';
import { faults, violations } from './faults.js';
import { latinWords } from './latinWords.js';
import { choose, garment } from './ownImages.js';
import { drop, go, hasFocus, openTab, useSite } from './page.js';

const served = useSite();
const VIEW = '#view=style';

/** The names of the compared images, from the nearest to the farthest. */
const rows = (page: Page) => page.locator('.differences tbody th').allInnerTexts();

describe.skipIf(!hasChromium)('style transfer and distances', () => {
  test('are computed in the page, without a request to strangers, can be stopped and saved, and look well everywhere', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url + VIEW);
    const strangers: string[] = [];
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(served.site.url))
        strangers.push(request.url());
    });
    await expect.poll(() => page.title()).toBe('Style, LPIPS · vgg-blocks playground');
    await expect.poll(() => rows(page)).toHaveLength(4);
    expect((await rows(page)).at(-1)).toBe('The style image');
    expect(await page.innerText('.differences')).toContain('This is not LPIPS');
    expect(await page.locator('.differences td:nth-child(2)').allInnerTexts()).toEqual(
      expect.arrayContaining(['5.1%', '5.1%', '5.1%']),
    );

    // With the keyboard: another style, then paint.
    await page.focus('input[name=style]:checked');
    await page.keyboard.press('ArrowRight');
    const strokes = page.getByRole('radio', { name: 'Brush strokes' }).nth(1);
    await expect.poll(() => strokes.isChecked()).toBe(true);
    // What has the focus once there is a painting, it presses at once.
    await page.evaluate(() => {
      new MutationObserver((_, watch) => {
        if (!document.querySelector('.easel canvas')) return;
        watch.disconnect();
        const { activeElement } = document;
        document.title = activeElement!.textContent!;
        (activeElement as HTMLElement).click();
      }).observe(document.querySelector('.paint')!, { subtree: true, childList: true });
    });
    await page.focus('.paint .primary');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.title()).toBe('Stop');
    await page.waitForSelector('.paint .go >> text=/Stopped after step \\d+ of 60/');
    await hasFocus(page, /^Paint again$/);
    await page.waitForSelector('.differences th >> text=The painting');
    await page.click('.differences th >> text=The painting');
    await page.waitForSelector('.difference figcaption >> text=The painting');

    // The steps so far; the first is the image itself.
    await page.focus('.easel input');
    await page.keyboard.press('Home');
    await page.waitForSelector('.easel img');
    expect(await page.isDisabled('.easel .link')).toBe(true);
    await page.keyboard.press('End');
    await page.waitForSelector('.easel canvas');
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('.easel .link')]);
    expect(saved.suggestedFilename()).toBe('The painting.png');

    const found: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await faults(page, `style-${colorScheme}`)));
      await page.setViewportSize({ width: 768, height: 800 });
      found.push(...(await violations(page)));
    }
    await page.selectOption('#language', 'zh');
    await page.waitForSelector('.views >> text=风格');
    found.push(...(await faults(page, 'style-zh')));
    expect(found).toEqual([]);
    expect(await latinWords(page)).toEqual([]);
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await page.close();
  });

  test('take own images, survive the end of the worker, and go on in another view', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url + VIEW);
    await expect.poll(() => rows(page)).toHaveLength(4);
    await choose(page, '.pictures >> nth=0 >> text=Your own', [await garment(7, 1)]);
    await page.waitForSelector('.pictures >> nth=0 >> [alt="7-1.png"]');
    await expect.poll(() => page.getByRole('radio', { name: '7-1.png' }).first().isChecked()).toBe(true);
    await page.waitForSelector('.easel [alt="7-1.png"]');
    await choose(page, '.pictures >> nth=1 >> text=Your own', [
      { name: 'cut.png', mimeType: 'image/png', buffer: (await garment(7, 2)).buffer.subarray(0, 90) },
    ]);
    await page.waitForSelector('.notices .bad >> text=The browser cannot read this image');
    await page.click('.paint .primary');
    await page.waitForSelector('.easel canvas');
    await go(page, 'train');
    await page.waitForSelector('.run .primary');
    await go(page, 'style');
    await page.waitForSelector('.easel canvas');
    const painting = page.workers();
    expect(painting.length).toBeGreaterThan(0);
    await Promise.all(painting.map((worker) => worker.evaluate(() => self.close())));
    await page.waitForSelector('.notices .bad >> text=The browser stopped the worker');
    // What was painted is still there, and so is what can be done.
    await page.waitForSelector('.paint .primary >> text=Paint again');
    expect(await page.locator('.easel canvas').count()).toBe(1);
    await page.click('.paint .primary');
    await page.waitForSelector('.easel canvas');
    await page.waitForSelector('.paint .go >> text=Painted in 60 steps.');
    await page.waitForSelector('.differences th >> text=The painting');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('have own images that are there again after another view and a reload, as they were chosen, until they are removed', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url + VIEW);
    /** The names of the images in each list, those that are chosen, and how many images the browser keeps. */
    const state = () =>
      page.evaluate(async () => {
        const done = <T>(request: IDBRequest<T>) =>
          new Promise<T>((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
          });
        const lists = [...document.querySelectorAll('.pictures')];
        const names = (list: Element, which: string) =>
          [...list.querySelectorAll<HTMLImageElement>(which)].map(({ alt }) => alt);
        const database = await done(indexedDB.open('vgg-blocks playground'));
        try {
          const kept = await done(database.transaction('files').objectStore('files').get('pictures'));
          return {
            lists: lists.map((list) => names(list, '.removable:has(button) img').join()),
            chosen: lists.flatMap((list) => names(list, ':checked + img')).join(),
            kept: kept?.own.length ?? 0,
          };
        } finally {
          database.close();
        }
      });
    await page.waitForSelector('.pictures >> nth=1');
    await choose(page, '.pictures >> nth=0 >> text=Your own', [await garment(7, 1)]);
    await page.waitForSelector('.easel [alt="7-1.png"]');
    await choose(page, '.pictures >> nth=1 >> text=Your own', [await garment(1, 2)]);
    const both = {
      lists: ['7-1.png,1-2.png', '7-1.png,1-2.png'],
      chosen: '7-1.png,1-2.png',
      kept: 2,
    };
    await expect.poll(state).toEqual(both);
    await go(page, 'train');
    await page.waitForSelector('.run .primary');
    await go(page, 'style');
    await expect.poll(state).toEqual(both);
    await page.reload();
    await expect.poll(state).toEqual(both);

    const remove = page.getByRole('button', { name: 'Remove 7-1.png' }).first();
    await remove.click();
    const one = { lists: ['1-2.png', '1-2.png'], chosen: 'A house,1-2.png', kept: 1 };
    await expect.poll(state).toEqual(one);
    await page.click('.notices >> text=Undo');
    await expect
      .poll(state)
      .toEqual({ lists: ['1-2.png,7-1.png', '1-2.png,7-1.png'], chosen: 'A house,1-2.png', kept: 2 });
    await remove.click();
    await expect.poll(state).toEqual(one);
    await hasFocus(page, /^(?!BODY)/);
    await page.reload();
    await expect.poll(state).toEqual(one);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("use an opened VGG-16 with torchvision's weights, by which distances are LPIPS, and refuse a network without the layers", async () => {
    await setBackend('cpu');
    const narrow = vgg([[1, 4]], { inputShape: [32, 32, 3], includeTop: false });
    const small = {
      name: 'one-block.safetensors',
      bytes: await encodeWeights(narrow, { names: 'torchvision' }),
    };
    narrow.dispose();
    const wide = vgg(VGG16, { inputShape: [32, 32, 3], includeTop: false, initializer: 'heUniform' });
    const bytes = await encodeWeights(wide, { names: 'torchvision' });
    wide.dispose();
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=weights`);
    await page.waitForSelector('.dropzone');
    await drop(page, [small]);
    await page.waitForSelector('.list');
    await go(page, 'style');
    await page.waitForSelector('.paint .hint >> text=one-block.safetensors cannot');
    await page.click('.paint .hint .link');
    await page.waitForSelector('.dropzone');
    // 59 MB are too much to be handed over but as a file.
    const folder = await mkdtemp(`${tmpdir()}/style-`);
    try {
      await writeFile(`${folder}/vgg16.safetensors`, bytes);
      await page.setInputFiles('.dropzone input', `${folder}/vgg16.safetensors`);
      await page.waitForSelector('.list >> text=vgg16.safetensors');
    } finally {
      await rm(folder, { recursive: true });
    }
    await go(page, 'style');
    await page.waitForSelector('.differences >> text=LPIPS 0.1');
    await expect.poll(() => page.getByLabel('Network').inputValue()).toBe('opened');
    await page.getByLabel('Network').selectOption('small');
    await page.waitForSelector('.differences >> text=This is not LPIPS');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
