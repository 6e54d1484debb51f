import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { IMAGENET_ZH } from '../../site/src/text/imagenetZh.js';
import { LABELS } from '../../src/imagenet/index.js';
import { vgg } from '../../src/index.js';
import { encodeWeights, setMetadata } from '../../src/weights/index.js';
import { hasChromium } from '../support/chromium.js';
import { garment } from './ownImages.js';
import { drop, go, openTab, useSite } from './page.js';

const served = useSite();

/** A small network of 1000 classes as a file, with the names of its classes or without. */
async function network(classNames?: readonly string[]) {
  await setBackend('cpu');
  const model = vgg([[1, 4]], { inputShape: [32, 32, 3], classes: 1000, hiddenUnits: 4, seed: 2 });
  if (classNames) setMetadata(model, { classNames: [...classNames] });
  const bytes = await encodeWeights(model, { names: 'torchvision' });
  model.dispose();
  return { name: 'thousand.safetensors', bytes };
}

describe.skipIf(!hasChromium)("ImageNet's classes", () => {
  test.each([
    ['without names', undefined],
    ['with its names', LABELS],
  ])(
    'of a network %s are shown in Chinese beside their English, which English pages show alone',
    async (_, names) => {
      const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=weights`, {
        language: 'zh',
        width: 360,
      });
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.waitForSelector('.dropzone');
      await drop(page, [await network(names)]);
      await page.waitForSelector('.list >> text=thousand.safetensors');
      const { buffer, ...rest } = await garment(7, 1);
      await drop(page, [{ ...rest, type: 'image/png', bytes: buffer }]);
      await go(page, 'inside');
      const shown = () => page.locator('.guesses .name').allInnerTexts();
      const english = () => page.locator('.guesses .name [lang=en]').allInnerTexts();
      await expect.poll(english).toHaveLength(5);
      const [inChinese, inEnglish] = [await shown(), await english()];
      for (const [i, label] of inEnglish.entries()) {
        const place = LABELS.indexOf(label.trim());
        expect(place, label).toBeGreaterThanOrEqual(0);
        expect(inChinese[i]).toMatch(new RegExp(`^${IMAGENET_ZH[place]}\\s+${label.trim()}$`));
      }
      expect(asked.filter((url) => url.includes('imagenetZh'))).toHaveLength(1);
      // Nothing is cut off on a phone.
      const { scrollWidth, clientWidth } = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return { scrollWidth, clientWidth };
      });
      expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
      await page.selectOption('#language', 'en');
      await expect.poll(shown).toEqual(inEnglish.map((label) => label.trim()));
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('are no matter for an English page', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}#view=weights`);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.waitForSelector('.dropzone');
    await drop(page, [await network()]);
    await page.waitForSelector('.list >> text=thousand.safetensors');
    const { buffer, ...rest } = await garment(7, 1);
    await drop(page, [{ ...rest, type: 'image/png', bytes: buffer }]);
    await go(page, 'inside');
    const shown = () => page.locator('.guesses .name').allInnerTexts();
    await expect.poll(async () => (await shown()).filter((name) => LABELS.includes(name))).toHaveLength(5);
    expect(asked.filter((url) => url.includes('imagenetZh'))).toEqual([]);
    await page.close();
  });
});
