import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { openTab, useSite } from './page.js';

const served = useSite();

/** Draws a line through points of the pad, from 0 to 1, and leaves the pen on it unless it is `lifted`. */
async function draw(
  page: Page,
  points: readonly (readonly [number, number])[],
  lifted = true,
): Promise<void> {
  const box = (await page.locator('.drawing canvas').boundingBox())!;
  for (const [i, [x, y]] of points.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 4 });
    if (i === 0) await page.mouse.down();
  }
  if (lifted) await page.mouse.up();
}

/** Waits until the window is at another pixel. */
async function moves(page: Page): Promise<void> {
  const before = await page.getAttribute('.picker', 'aria-valuenow');
  await page.waitForFunction(
    (before) => document.querySelector('.picker')!.getAttribute('aria-valuenow') !== before,
    before,
  );
}

describe.skipIf(!hasChromium)('the opening', () => {
  test('moves the window, waits while a stroke is drawn, goes on after it, and stops when less motion is asked for', async () => {
    const { page, complaints } = await openTab(served.browser, 'about:blank');
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await page.goto(served.site.url);
    const stop = page.getByRole('button', { name: 'Stop the window' });
    const move = page.getByRole('button', { name: 'Move the window' });
    await stop.waitFor();
    await moves(page);
    await draw(
      page,
      [
        [0.2, 0.3],
        [0.7, 0.3],
      ],
      false,
    );
    await move.waitFor();
    await page.mouse.up();
    await stop.waitFor();
    await moves(page);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await move.waitFor();
    // Whoever asks for it has it move all the same.
    await move.click();
    await moves(page);
    // A pixel that somebody points at stays, also in another image.
    await page.locator('.picker').press('ArrowRight');
    await move.waitFor();
    const at = await page.getAttribute('.picker', 'aria-valuenow');
    await page.click('.samples button >> nth=3');
    await page.waitForSelector('.guesses li:first-child >> text=Bag');
    expect(await page.getAttribute('.picker', 'aria-valuenow')).toBe(at);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('says that a drawing is filled in only if it is', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url);
    await page.waitForSelector('.pad .over >> text=Draw your own');
    await page.waitForSelector('.guesses li');
    await draw(page, [
      [0.3, 0.3],
      [0.7, 0.3],
      [0.7, 0.7],
    ]);
    await page.waitForSelector('.pad .over', { state: 'detached' });
    expect(await page.locator('.pad .filled').count()).toBe(0);
    await draw(page, [
      [0.7, 0.7],
      [0.3, 0.7],
      [0.3, 0.3],
    ]);
    await page.waitForSelector('.pad .filled >> text=filled in');
    await page.click('.drawing .button');
    await page.waitForSelector('.pad .filled', { state: 'detached' });
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each(['en', 'zh'] as const)(
    'in %s says of each explanation in a sentence of its own what it shows',
    async (language) => {
      const { page, complaints } = await openTab(served.browser, served.site.url, { language });
      const menu = page.locator('.heat-card select');
      await menu.waitFor();
      const methods = await menu
        .locator('option')
        .evaluateAll((all) => all.map((one) => (one as HTMLOptionElement).value));
      const seen = new Set<string>();
      for (const method of methods) {
        await menu.selectOption(method);
        const sentence = page.locator(`.heat-card .hint[data-method="${method}"]`);
        seen.add(await sentence.innerText());
      }
      expect(methods.length).toBeGreaterThan(5);
      expect(seen.size).toBe(methods.length);
      for (const sentence of seen)
        expect(sentence).toMatch(language === 'zh' ? /^[^.]{10,}。$/ : /^[A-Z][^。]{20,}\.$/);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('lists the maps of a sum by their part of it, with the layer that they come from', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url);
    await page.click('.strip li.conv >> nth=1');
    await page.waitForSelector('.close-up >> text=conv2_1');
    await page.waitForSelector('.steps li:has(button) >> nth=4 >> text=/^pool1, map/');
    await page.waitForSelector('.from-to figcaption >> nth=0 >> text=/^Input: pool1, map \\d+$/');
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowLeft']) {
      await page.locator('.picker').press(key);
      const rows = await page.locator('.steps li:has(button)').allInnerTexts();
      expect(rows.length).toBeGreaterThanOrEqual(5);
      for (const row of rows) expect(row).toMatch(/^pool1, map \d+/);
      const sizes = rows.map((row) => Math.abs(Number(/[+−]([\d.]+)$/.exec(row.trim())![1])));
      expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    }
    await page.click('.strip li.dense >> nth=0');
    await page.waitForSelector('.dense-sum th >> text=From pool3');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
