import type { Page } from 'playwright-core';
import { seededRandom } from '../../src/base/random.js';
import { drawGarment, SIDE } from '../../src/data/garments/drawGarment.js';
import { encodePng } from '../../src/images/index.js';

export interface ImageFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** A drawn garment as a file. */
export async function garment(kind: number, seed: number): Promise<ImageFile> {
  const pixels = { data: drawGarment(kind, seededRandom(seed)), width: SIDE, height: SIDE };
  return { name: `${kind}-${seed}.png`, mimeType: 'image/png', buffer: Buffer.from(await encodePng(pixels)) };
}

/** Garments of one kind: sneakers (7) and trousers (1) look least alike. */
export const garments = (kind: number, count: number, from = 0) =>
  Promise.all(Array.from({ length: count }, (_, i) => garment(kind, from + i)));

/** Chooses files with a button. */
export async function choose(
  page: Page,
  button: string,
  files: readonly ImageFile[] | string,
): Promise<void> {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click(button)]);
  await chooser.setFiles(files as ImageFile[] | string);
}

export const cardOf = (place: number) => `.own-class >> nth=${place}`;

/** Adds six images to each of the first two classes, and trains. */
export async function teach(page: Page): Promise<void> {
  await choose(page, `${cardOf(0)} >> text=Choose images`, await garments(7, 6));
  await choose(page, `${cardOf(1)} >> text=Choose images`, await garments(1, 6));
  await page.waitForSelector(`${cardOf(1)} >> text=6 images`);
  await page.click('.own-go .primary');
  await page.waitForSelector('.step .note.good');
}

export const best = (page: Page) => page.innerText('.own-answers .best .name');

/** The probabilities that are shown, by class. */
export async function answers(page: Page): Promise<Record<string, number>> {
  const rows = await page
    .locator('.own-answers li')
    .evaluateAll((all) =>
      all.map(
        (row) => [row.querySelector('.name')!.textContent!, row.querySelector('meter')!.value] as const,
      ),
    );
  return Object.fromEntries(rows);
}
