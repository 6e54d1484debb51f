import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { go, hasFocus, openTab, useSite } from './page.js';

const served = useSite();

/** The value of a key in the address, once the address is that of the choice. */
async function chosen(page: Page, key: string, value: string): Promise<void> {
  await page.waitForFunction(
    ([key, value]) => new URLSearchParams(location.hash.slice(1)).get(key!) === value,
    [key, value],
  );
}

describe.skipIf(!hasChromium)('the playground', () => {
  test('builds the number that was typed, at any speed, and keeps the network of the last valid one', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=network&classes=10`);
    const client = await page.context().newCDPSession(page);
    await client.send('Emulation.setCPUThrottlingRate', { rate: 6 });
    const classes = page.getByLabel('Classes');
    const hidden = page.getByLabel('Hidden units');
    for (const [i, delay] of [0, 0, 0, 30, 30, 80].entries()) {
      await classes.fill('');
      await classes.pressSequentially(`31${i}2`, { delay });
      await page.keyboard.press('Tab');
      await hidden.fill('');
      await hidden.pressSequentially(`2${i}1`, { delay });
      expect(await classes.inputValue(), `at ${delay} ms`).toBe(`31${i}2`);
      await chosen(page, 'classes', `31${i}2`);
      await chosen(page, 'fc', `2${i}1`);
      await page.waitForSelector(`tr:has-text("predictions") td >> text="31${i}2"`);
      await page.waitForSelector(`tr:has-text("fc2") td >> text="2${i}1"`);
    }
    await hidden.fill('100');
    for (let i = 0; i < 60; i++) await page.keyboard.press('ArrowUp');
    expect(await hidden.inputValue()).toBe('160');
    await chosen(page, 'fc', '160');
    // Two fields of one block, one right after the other.
    await page.getByLabel('Channels in block 1').fill('8');
    await page.getByLabel('3×3 convolutions in block 1').fill('2');
    await chosen(page, 'net', '2x8-1x128-2x256-2x512-2x512');
    await client.send('Emulation.setCPUThrottlingRate', { rate: 1 });

    await page.waitForSelector('tr:has-text("block1_conv2")');
    const facts = await page.innerText('.facts');
    for (const [label, typed, range] of [
      ['Image size', '16', 'from 32 to 2,048'],
      ['Channels in block 1', '12', 'a multiple of 8, at most 4,096'],
      ['Classes', '100001', 'from 1 to 100,000'],
      ['Seed', '', 'from 0 to 4,294,967,295'],
    ] as const) {
      const field = page.getByLabel(label);
      const before = await field.inputValue();
      await field.fill(typed);
      await page.waitForSelector(`.range.bad >> text="${range}"`);
      await page.waitForSelector('.dimmed');
      expect(await field.getAttribute('aria-describedby')).toBe(await page.getAttribute('.range.bad', 'id'));
      expect(await page.innerText('.facts')).toBe(facts);
      expect(await page.locator('[role=alert]').count()).toBe(0);
      await field.blur();
      await expect.poll(() => field.inputValue()).toBe(before);
      await page.waitForFunction(() => !document.querySelector('.dimmed'));
    }
    // A choice that no field can refuse: the network before stays.
    await page.getByLabel('Divide widths by').selectOption('64');
    await page.waitForSelector('[role=status] >> text=64 does not divide');
    expect(await page.innerText('.dimmed .facts')).toBe(facts);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('has a place for each view, with an address, a title, Back and the focus', async () => {
    const { page, complaints } = await openTab(
      served.browser,
      `${served.site.url}#view=network&classes=10&epochs=5`,
    );
    const title = () => page.title();
    await expect.poll(title).toBe('Design · vgg-blocks playground');
    await page.waitForSelector('.facts');
    const scrolled = () => page.evaluate(() => scrollY);
    await page.evaluate(() => scrollTo(0, 1000));
    await expect.poll(scrolled).toBeGreaterThan(400);
    await go(page, 'train');
    await page.waitForSelector('.status');
    await expect.poll(title).toBe('Train · vgg-blocks playground');
    await hasFocus(page, /^Train$/);
    await expect.poll(scrolled).toBeLessThan(400);
    await page.getByLabel('Epochs', { exact: true }).fill('7');
    await page.getByLabel('Learning rate', { exact: true }).fill('0.0025');
    await chosen(page, 'rate', '0.0025');
    expect(await page.locator('[aria-invalid=true]').count()).toBe(0);
    await go(page, 'weights');
    await chosen(page, 'view', 'weights');
    await page.goBack();
    await page.waitForSelector('.status');
    await hasFocus(page, /^Train$/);
    await page.goBack();
    await page.waitForSelector('.facts');
    await expect.poll(title).toBe('Design · vgg-blocks playground');
    // Back undoes no setting, and neither does a link within the page.
    await chosen(page, 'epochs', '7');
    await page.evaluate(() => document.querySelector<HTMLElement>('.skip')!.click());
    await chosen(page, 'epochs', '7');
    await hasFocus(page, /^(?!BODY)/);
    await page.evaluate(() => {
      location.hash = '#view=train&epochs=3';
    });
    await page.waitForSelector('.status');
    await chosen(page, 'epochs', '3');
    // A view takes the focus at once, and not from a visitor who has moved on before it is painted.
    const kept = await page.evaluate(async () => {
      const [, , design] = document.querySelectorAll<HTMLElement>('.views > button');
      design!.click();
      await Promise.resolve();
      const given = document.activeElement!.className;
      document.querySelector<HTMLElement>('.block-row .icon')!.focus();
      const frame = () => new Promise(requestAnimationFrame);
      await frame();
      await frame();
      await new Promise((resolve) => setTimeout(resolve));
      return [given, document.activeElement!.className];
    });
    expect(kept).toEqual(['view', 'icon']);
    // Removing blocks keeps the focus among them.
    for (let left = 4; left > 0; left--) {
      const last = page.getByLabel(`Remove block ${left + 1}`);
      await last.press('Enter');
      await last.waitFor({ state: 'detached' });
      await hasFocus(page, /^(Remove block|\+ Add block)/);
    }
    expect(await page.title()).not.toContain('undefined');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
