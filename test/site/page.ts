import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { VIEWS } from '../../site/src/state/choice.js';
import { encodeTensors, type NumberArray } from '../../src/weights/index.js';
import { hasChromium, launchChromium } from '../support/chromium.js';
import { readExpected } from '../support/fixtures.js';
import { builtSite } from './built.js';
import { type SiteServer, serveSite } from './server.js';

/** A network that a software GPU trains in seconds. */
export const TINY =
  'net=1x8-1x16&ratio=1&input=16x1&fc=16&images=60&epochs=4&batch=12&optimizer=adam&rate=0.004&cosine=0';

/** Milliseconds until what a test waits for in the page counts as missing. */
const PATIENCE = 240_000;

/** Serves the site and starts a browser for the tests of a file, where there is Chromium. */
export function useSite(): { site: SiteServer; browser: Browser } {
  // However busy the machine is: what never comes fails all the same.
  vi.setConfig({ testTimeout: 900_000, expect: { poll: { timeout: PATIENCE } } });
  const served = {} as { site: SiteServer; browser: Browser };
  beforeAll(async () => {
    if (!hasChromium) return;
    served.site = await serveSite(await builtSite());
    served.browser = await launchChromium();
  }, 400_000);
  afterEach(() => served.site?.reset());
  afterAll(async () => {
    await served.browser?.close();
    served.site?.close();
  });
  return served;
}

/** A file to drop: one on disk, or bytes with a name. */
export type Dropped = string | { name: string; type?: string; bytes: Uint8Array };

/** A tab with the playground in it. */
export interface Tab {
  page: Page;
  /** Errors in the console, among them violations of the policy, and uncaught exceptions. */
  complaints: string[];
}

/** Opens the playground in a browser profile of its own, which saves the site only with `offline`. */
export async function openTab(
  browser: Browser,
  url: string,
  options: { theme?: 'light' | 'dark'; language?: 'en' | 'zh'; width?: number; offline?: boolean } = {},
): Promise<Tab> {
  const { theme = 'light', language = 'en', width = 1440, offline = false } = options;
  const page = await browser.newPage({
    viewport: { width, height: width < 600 ? 844 : 900 },
    colorScheme: theme,
    locale: language === 'zh' ? 'zh-CN' : 'en-US',
    acceptDownloads: true,
    reducedMotion: 'reduce',
    // It would fetch the whole site each time.
    serviceWorkers: offline ? 'allow' : 'block',
  });
  page.setDefaultTimeout(PATIENCE);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  if (url !== 'about:blank') await page.waitForSelector('main h1');
  return { page, complaints };
}

/** Drops files on the page. */
export async function drop(page: Page, given: readonly Dropped[]): Promise<void> {
  const files = given.map((file) => {
    const {
      name,
      type = '',
      bytes,
    } = typeof file === 'string' ? { name: basename(file), bytes: readFileSync(file) } : file;
    return { name, type, base64: Buffer.from(bytes).toString('base64') };
  });
  await page.evaluate((files) => {
    const dataTransfer = new DataTransfer();
    for (const { name, type, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], name, { type }));
    }
    const options = { dataTransfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent('dragover', options));
    document.body.dispatchEvent(new DragEvent('drop', options));
  }, files);
}

/** Goes to a view by its position in the bar. */
export async function go(page: Page, view: (typeof VIEWS)[number]): Promise<void> {
  const position = VIEWS.indexOf(view);
  await page.click(`.views > button >> nth=${position}`);
}

/** Trains to the end. */
export async function trainToTheEnd(page: Page): Promise<void> {
  const before = await page.$('.notices .note');
  await page.click('.run .primary');
  // What ended before is not what ends now.
  await before?.waitForElementState('hidden');
  await page.waitForSelector('.notices .note');
  const notice = await page.innerText('.notices');
  if (!/Trained|训练完成/.test(notice)) throw new Error(`Training ended with: ${notice}`);
}

/** Waits until something has the focus: its accessible name, or the name of its element. */
export function hasFocus(page: Page, name: string | RegExp): Promise<void> {
  const focused = () =>
    page.evaluate(() => {
      const { activeElement: at } = document;
      return at?.getAttribute('aria-label') || at?.textContent?.trim() || at?.tagName;
    });
  return expect.poll(focused).toMatch(name);
}

/** A column of the table of epochs. */
export async function epochColumn(page: Page, column: 'loss' | 'test'): Promise<number[]> {
  const cells = await page
    .locator(`.layers tbody td:nth-child(${column === 'loss' ? 2 : 4})`)
    .allInnerTexts();
  return cells.map(Number.parseFloat);
}

/** A file as somebody saves it in Python to compare with: noise, and what PyTorch computed of it. */
export async function torchOutputs(): Promise<Dropped> {
  const expected = await readExpected('torch/vgg16-narrow');
  const [input, logits] = ['input', 'logits'].map((name) => expected.get(name) as NumberArray);
  return { name: 'outputs.safetensors', bytes: encodeTensors({ input: input!, logits: logits! }) };
}
