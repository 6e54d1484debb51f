import { expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { fixturePath } from '../support/fixtures.js';
import { faults, overflows, violations } from './faults.js';
import { latinWords } from './latinWords.js';
import { drop, go, openTab, torchOutputs, trainToTheEnd, useSite } from './page.js';

const served = useSite();

/** What a view shows last of all. */
const LAST = {
  start: '.heat-card canvas',
  own: '.own-class',
  network: '.facts',
  train: '.status',
  inside: '.heat-card canvas',
  style: '.differences',
  weights: '.more',
} as const;

const SMALL = 'images=400&epochs=3&batch=32&rate=0.002';
const VIEWS = ['network', 'train', 'inside', 'weights'] as const;

test.skipIf(!hasChromium)(
  'every view is accessible in both themes and both languages, before and after training, and all of it is in Chinese',
  async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#${SMALL}`);
    const found: string[] = [];
    const look = async (name: string) => {
      found.push(...(await faults(page, `${name}-light`)));
      await page.emulateMedia({ colorScheme: 'dark' });
      found.push(...(await faults(page, `${name}-dark`)));
      await page.emulateMedia({ colorScheme: 'light' });
      await page.selectOption('#language', 'zh');
      await page.waitForSelector('.views >> text=训练');
      found.push(...(await faults(page, `${name}-zh`)));
      found.push(...(await latinWords(page)).map((word) => `${name}: not in Chinese: ${word}`));
      await page.selectOption('#language', 'en');
      await page.waitForSelector('.views >> text=Train');
    };
    for (const view of ['start', 'own', 'train', 'inside'] as const) {
      await go(page, view);
      await page.waitForSelector(LAST[view]);
      await look(`${view}-empty`);
    }
    await go(page, 'train');
    await trainToTheEnd(page);
    for (const view of VIEWS) {
      await go(page, view);
      await page.waitForSelector(LAST[view]);
      if (view === 'inside') {
        await page.waitForSelector('.guesses li');
        await page.click('.card .aside .button');
        await page.waitForSelector('.confusion');
      }
      await look(view);
    }
    await drop(page, [fixturePath('torch/vgg16-narrow.safetensors')]);
    await page.waitForSelector('.list');
    await drop(page, [await torchOutputs()]);
    await page.waitForSelector('.compared');
    await look('weights-open');
    await page.click('text=Classify an image');
    // Nothing loads: it waits for an image.
    await page.waitForSelector('.waiting >> text=Choose an image');
    await look('inside-open');
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  },
);

test.skipIf(!hasChromium)('zoomed to 200 % and in forced colors, nothing is cut off or hidden', async () => {
  const { page, complaints } = await openTab(served.browser, served.site.url);
  await page.waitForSelector('.heat-card canvas');
  await page.click('.strip li.dense button');
  await page.waitForSelector('.dense-sum');
  const found: string[] = [];
  for (const view of ['start', 'style', ...VIEWS] as const) {
    await go(page, view);
    await page.waitForSelector(LAST[view]);
    // 1280 x 800 at twice the size.
    await page.setViewportSize({ width: 640, height: 400 });
    if (await overflows(page)) found.push(`${view}: wider than its window`);
    found.push(...(await violations(page)).map((one) => `${view} at 200 %: ${one}`));
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ forcedColors: 'active' });
    const same = await page.evaluate(() =>
      [...document.querySelectorAll('[aria-pressed=true]')].filter(
        (chosen) => getComputedStyle(chosen).outlineStyle === 'none',
      ),
    );
    if (same.length > 0) found.push(`${view}: what is chosen is not seen in forced colors`);
    await page.emulateMedia({ forcedColors: 'none' });
  }
  expect(found).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

test.skipIf(!hasChromium)('the guides and the API pages are accessible in both themes', async () => {
  const { page, complaints } = await openTab(served.browser, served.site.url);
  const found: string[] = [];
  const guides = ['guide/start', 'guide/zh/chapter', 'guide/gallery'];
  for (const path of [
    ...guides,
    'api/index',
    'api/train/functions/train',
    'source/examples/param-tally.ts',
  ]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(`${served.site.url}${path}.html`);
      if (path === guides[0]) {
        await page.fill('#search', 'cam');
        await page.waitForSelector('#found[data-words=cam] li');
      }
      found.push(...(await faults(page, `${path.replaceAll('/', '-')}-${colorScheme}`)));
    }
  }
  expect(found).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});
