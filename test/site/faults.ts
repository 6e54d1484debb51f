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
  return page.waitForFunction(fits, undefined, { timeout: 10_000 }).then(
    () => false,
    () => true,
  );
}

/** What is wrong with a page: axe's violations, also on a phone, and widths at which it scrolls sideways. */
export async function faults(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const width of [1280, 768, 360]) {
    await page.setViewportSize({ width, height: 800 });
    const where = `${name}-${width}`;
    if (width !== 768) found.push(...(await violations(page)).map((one) => `${where}: ${one}`));
    if (await overflows(page)) found.push(`${where}: wider than its window`);
    if (process.env.SITE_SHOTS) await page.screenshot({ path: `${SHOTS}${where}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  return found;
}
