import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { hasChromium } from '../support/chromium.js';
import { fixturePath } from '../support/fixtures.js';
import { drop, go, openTab, torchOutputs, trainToTheEnd, useSite } from './page.js';

/** Where the screenshots are written. */
const SHOTS = fileURLToPath(new URL('../../runs/site/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const served = useSite();

/** The rules of axe that a page breaks, each with the first element that breaks it. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResults;
  return results.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
  );
}

/** Pixels by which a page is wider than its window, so that it scrolls sideways. */
async function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

const SMALL = 'images=400&epochs=3&batch=32&rate=0.002';
const VIEWS = ['network', 'train', 'inside', 'weights'] as const;

describe.skipIf(!hasChromium).each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  test.each(['en', 'zh'] as const)(
    'every view in %s is accessible, on a desktop and on a phone, before and after training',
    async (language) => {
      const { page, complaints } = await openTab(served.browser, `${served.site.url}#${SMALL}`, {
        theme,
        language,
        offline: true,
      });
      const found: string[] = [];
      const look = async (name: string) => {
        found.push(...(await violations(page)).map((one) => `${name}: ${one}`));
        for (const [device, size] of Object.entries({ desktop: [1440, 900], phone: [390, 844] } as const)) {
          await page.setViewportSize({ width: size[0], height: size[1] });
          await page.waitForTimeout(100);
          if ((await overflow(page)) > 0) found.push(`${name}, ${device}: wider than its window`);
          await page.screenshot({
            path: `${SHOTS}${name}-${theme}-${language}-${device}.png`,
            fullPage: true,
          });
        }
        await page.setViewportSize({ width: 1440, height: 900 });
      };
      for (const view of ['start', 'train', 'inside'] as const) {
        await go(page, view);
        if (view !== 'train') await page.waitForSelector('.heat canvas', { timeout: 60_000 });
        await look(`${view}-empty`);
      }
      await go(page, 'train');
      await trainToTheEnd(page);
      for (const view of VIEWS) {
        await go(page, view);
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
      expect(found).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    },
    300_000,
  );

  test('the guides and the API pages are accessible, on a desktop and on a phone', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url, { theme, offline: true });
    const found: string[] = [];
    for (const path of [
      'guide/start',
      'guide/chapter',
      'api/index',
      'api/train/functions/train',
      'source/examples/param-tally.ts',
    ]) {
      await page.goto(`${served.site.url}${path}.html`);
      found.push(...(await violations(page)).map((one) => `${path}: ${one}`));
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        if ((await overflow(page)) > 0) found.push(`${path} at ${width}: wider than its window`);
        await page.screenshot({ path: `${SHOTS}${path.replaceAll('/', '-')}-${theme}-${width}.png` });
      }
    }
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
