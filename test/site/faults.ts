import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/** Where screenshots are written, if SITE_SHOTS is set. */
const SHOTS = fileURLToPath(new URL('../../runs/site/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The rules of axe that a page breaks, each with the first element that breaks it. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResults;
  return results.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
  );
}

/** Whether a page stays wider than its window, so that it scrolls sideways, once what measures itself has done so. */
export function overflows(page: Page): Promise<boolean> {
  const fits = () => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth <= clientWidth;
  };
  return page.waitForFunction(fits, undefined, { timeout: 60_000 }).then(
    () => false,
    () => true,
  );
}

/** Numbers, names and fields that are wider than the cell, button or field around them, and controls that leave their card. */
function cut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const texts = [...document.querySelectorAll('main :is(.numbers span, th, td, button)')].filter((box) => {
      const { left, right } = box.getBoundingClientRect();
      const words = document.createRange();
      const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        // Screen readers alone read this.
        if (text.parentElement!.closest('.unseen-text')) continue;
        words.selectNodeContents(text);
        const edges = words.getBoundingClientRect();
        if (edges.width > 0 && (edges.left < left - 1 || edges.right > right + 1)) return true;
      }
      return false;
    });
    const fields = [...document.querySelectorAll<HTMLInputElement>('main input[type=number]')].filter(
      (field) => field.scrollWidth > field.clientWidth,
    );
    const controls = [...document.querySelectorAll('main .card :is(button, input, select)')].filter(
      (one) =>
        !one.closest('.scroll') &&
        one.getBoundingClientRect().right > one.closest('.card')!.getBoundingClientRect().right,
    );
    return [...texts, ...fields, ...controls].map((one) => one.outerHTML.slice(0, 200));
  });
}

/** What is wrong with a page: axe's violations, also on a phone, what is cut off, and widths at which it scrolls sideways. */
export async function faults(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const width of [1280, 768, 360]) {
    await page.setViewportSize({ width, height: 800 });
    const where = `${name}-${width}`;
    if (width !== 768) found.push(...(await violations(page)).map((one) => `${where}: ${one}`));
    if (await overflows(page)) found.push(`${where}: wider than its window`);
    found.push(...(await cut(page)).map((one) => `${where}: wider than what is around it: ${one}`));
    if (process.env.SITE_SHOTS) await page.screenshot({ path: `${SHOTS}${where}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  return found;
}
