import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { drawGarment, SIDE } from '../../src/data/garments/drawGarment.js';
import { encodePng } from '../../src/images/index.js';
import { hasChromium } from '../support/chromium.js';
import { openTab, useSite } from './page.js';

const served = useSite();

interface ImageFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** A drawn garment as a file. */
async function garment(kind: number, seed: number): Promise<ImageFile> {
  const pixels = { data: drawGarment(kind, seededRandom(seed)), width: SIDE, height: SIDE };
  return { name: `${kind}-${seed}.png`, mimeType: 'image/png', buffer: Buffer.from(await encodePng(pixels)) };
}

/** Garments of one kind: sneakers (7) and trousers (1) look least alike. */
const garments = (kind: number, count: number, from = 0) =>
  Promise.all(Array.from({ length: count }, (_, i) => garment(kind, from + i)));

/** Chooses files with a button. */
async function choose(page: Page, button: string, files: readonly ImageFile[] | string): Promise<void> {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click(button)]);
  await chooser.setFiles(files as ImageFile[] | string);
}

const cardOf = (place: number) => `.own-class >> nth=${place}`;

/** Adds six images to each of the first two classes, and trains. */
async function teach(page: Page): Promise<void> {
  await choose(page, `${cardOf(0)} >> text=Choose images`, await garments(7, 6));
  await choose(page, `${cardOf(1)} >> text=Choose images`, await garments(1, 6));
  await page.waitForSelector(`${cardOf(1)} >> text=6 images`);
  await page.click('.own-go .primary');
  await page.waitForSelector('.step .note.good');
}

const best = (page: Page) => page.innerText('.own-answers .best .name');

describe.skipIf(!hasChromium)("the visitor's own images", () => {
  test('are learned from files, and an image is classified', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
    await page.waitForSelector('.own-class');
    expect(await page.title()).toBe('Your images · vgg-blocks playground');
    expect(await page.isDisabled('.own-go .button')).toBe(true);
    await page.getByLabel('Name of class 1').fill('shoe');
    await choose(page, `${cardOf(0)} >> text=Choose images`, await garments(7, 3));
    await page.waitForSelector(
      '#own-missing >> text="Still too few images: shoe needs 2 more, Class 2 needs 5 more."',
    );
    await page.getByLabel(/Remove shoe, image 3/).click();
    await page.waitForSelector(`${cardOf(0)} >> text=2 images`);
    await page.click('.notices >> text=Bring it back');
    await page.waitForSelector(`${cardOf(0)} >> text=3 images`);
    await teach(page);
    expect(await page.innerText('.step .note')).toMatch(/Trained on \d+ images/);
    for (const [kind, name] of [
      [7, 'shoe'],
      [1, 'Class 2'],
    ] as const) {
      await choose(page, 'text=Choose an image', [await garment(kind, 90)]);
      await expect.poll(() => best(page)).toBe(name);
    }
    await page.getByLabel('Show where it looks').check();
    await page.waitForSelector('.own-heat canvas');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
