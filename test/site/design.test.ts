import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { openTab, useSite } from './page.js';

const served = useSite();

/** The numbers of the design that somebody may compare, once they are those of `parameters`. */
async function numbersOf(page: Page, parameters: string) {
  await expect.poll(() => page.innerText('.facts')).toContain(parameters);
  const rows = await page.locator('.layers tr').allInnerTexts();
  const channels = await page
    .locator('[aria-label^="Channels in block"]')
    .evaluateAll((all) => all.map((input) => (input as HTMLInputElement).value));
  return {
    total: rows.find((row) => row.startsWith('Total')),
    first: rows.filter((row) => /block\d_conv1/.test(row)).map((row) => /×(\d+)\s/.exec(row)![1]),
    strip: await page
      .locator('.strip li.conv .shape')
      .allInnerTexts()
      .then((all) => all.map((shape) => shape.split('×').at(-1))),
    channels,
    built: await page.locator('.block-row .built').allInnerTexts(),
    compared: await page.locator('.card:has(> .versus)').innerText(),
  };
}

describe.skipIf(!hasChromium)('the design', () => {
  test('has one number for one thing, and says what is divided and at which size it compares', async () => {
    const { page, complaints } = await openTab(
      served.browser,
      `${served.site.url}#view=network&net=vgg11&ratio=8&input=32x1&classes=10&fc=256`,
    );
    const small = await numbersOf(page, '229,418');
    expect(small.total).toMatch(/\s229,418\s+2,517,504\s/);
    expect(small.channels).toEqual(['64', '128', '256', '512', '512']);
    expect(small.built).toEqual(['→ 8', '→ 16', '→ 32', '→ 64', '→ 64']);
    expect(small.first).toEqual(['8', '16', '32', '64', '64']);
    expect(small.strip).toEqual(['8', '16', '32', '32', '64', '64', '64', '64']);
    // Another number of parameters is that of another size, which stands above it.
    expect(small.compared).toMatch(/224×224[\s\S]*1\.02\sM/);

    await page.getByLabel('Image size').fill('224');
    await page.getByLabel('Divide widths by').selectOption('1');
    await page.getByLabel('Hidden units').fill('4096');
    const large = await numbersOf(page, '128,806,154');
    expect(large.total).toContain('128,806,154');
    expect(large.built).toEqual([]);
    expect(large.strip).toEqual(['64', '128', '256', '256', '512', '512', '512', '512']);
    expect(large.compared).toMatch(/224×224[\s\S]*129\sM/);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
