import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Browser, Page } from 'playwright-core';
import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { drawGarment, SIDE } from '../../src/data/garments/drawGarment.js';
import { classify } from '../../src/imagenet/index.js';
import { encodePng } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { encodeWeights, fromWeights } from '../../src/weights/index.js';
import { CHROMIUM, hasChromium, launchChromium } from '../support/chromium.js';
import { drop, go, openTab, useSite } from './page.js';

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

/** The probabilities that are shown, by class. */
async function answers(page: Page): Promise<Record<string, number>> {
  const rows = await page
    .locator('.own-answers li')
    .evaluateAll((all) =>
      all.map(
        (row) => [row.querySelector('.name')!.textContent!, row.querySelector('meter')!.value] as const,
      ),
    );
  return Object.fromEntries(rows);
}

/** Folders of garments on disk. */
async function folders(): Promise<string> {
  const root = await mkdtemp(`${tmpdir()}/own-`);
  for (const [name, kind] of [
    ['trousers', 1],
    ['sneakers', 7],
    ['bags', 8],
  ] as const) {
    await mkdir(`${root}/${name}`);
    for (const { name: file, buffer } of await garments(kind, 6))
      await writeFile(`${root}/${name}/${file}`, buffer);
  }
  await writeFile(`${root}/.DS_Store`, 'x');
  await writeFile(`${root}/bags/notes.txt`, 'x');
  return root;
}

/** Drops files or folders of the disk at an element, as a file manager does. */
async function dropFrom(page: Page, target: string, paths: readonly string[]): Promise<void> {
  const client = await page.context().newCDPSession(page);
  const { x, y, width, height } = (await page.locator(target).boundingBox())!;
  const at = {
    x: x + width / 2,
    y: y + height / 2,
    data: { items: [], files: [...paths], dragOperationsMask: 1 },
  };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await client.send('Input.dispatchDragEvent', { type, ...at });
  }
}

/** A browser with a camera that shows a test picture; `allowed` or not. */
function withCamera(allowed: boolean): Promise<Browser> {
  const args = ['--use-fake-device-for-media-stream', ...(allowed ? ['--use-fake-ui-for-media-stream'] : [])];
  return launchChromium({ args: [...CHROMIUM.args!, ...args] });
}

describe.skipIf(!hasChromium)("the visitor's own images", () => {
  test('are learned from files, answer, and are there again after another view and a reload', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
    const strangers: string[] = [];
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(served.site.url))
        strangers.push(request.url());
    });
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
    expect(await page.innerText('.step .note')).toMatch(/Trained on 12 images .* Of 3 images/);
    for (const [kind, name] of [
      [7, 'shoe'],
      [1, 'Class 2'],
    ] as const) {
      await choose(page, 'text=Choose an image', [await garment(kind, 90)]);
      await expect.poll(() => best(page), { timeout: 30_000 }).toBe(name);
    }
    await page.getByLabel('Show where it looks').check();
    await page.waitForSelector('.own-heat canvas');
    const said = await answers(page);

    await go(page, 'train');
    await page.goBack();
    await page.waitForSelector(`${cardOf(0)} >> text=9 images`);
    expect(await answers(page)).toEqual(said);
    await page.reload();
    await page.waitForSelector(`${cardOf(0)} >> text=9 images`);
    expect(await page.locator('.own-thumbs img').count()).toBe(15);
    await page.waitForSelector('.step .note.good');
    await choose(page, 'text=Choose an image', [await garment(1, 90)]);
    await expect.poll(() => best(page), { timeout: 30_000 }).toBe('Class 2');
    expect(await answers(page)).toEqual(said);
    // A class that goes can come back, and what was trained says that it is of other images.
    await page.getByLabel('Remove shoe', { exact: true }).click();
    await page.waitForSelector('#own-missing >> text="Add a second class."');
    await page.waitForSelector('.step .note.warn >> text=Your images have changed since');
    await page.click('.notices >> text=Bring it back');
    await page.waitForSelector('.step .note.good');
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await page.close();
  }, 300_000);

  test('that cannot be used are named, each in a sentence, and the others are added', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
    await page.waitForSelector('.own-class');
    const heic = Buffer.concat([
      Buffer.from([0, 0, 0, 24]),
      Buffer.from('ftypheic\0\0\0\0mif1heic'),
      Buffer.alloc(64),
    ]);
    const cut = await garment(7, 1);
    await choose(page, `${cardOf(1)} >> text=Choose images`, [
      await garment(7, 0),
      { name: 'phone.heic', mimeType: '', buffer: heic },
      { name: 'cut.png', mimeType: 'image/png', buffer: cut.buffer.subarray(0, cut.buffer.length >> 1) },
      { name: 'empty.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(0) },
      await garment(7, 2),
    ]);
    await page.waitForSelector('.notices .bad');
    await page.waitForSelector(`${cardOf(1)} >> text=2 images`);
    const said = await page.innerText('.notices');
    expect(said).toContain('phone.heic, cut.png, empty.jpg could not be used. 2 images were added.');
    expect(said).toContain('phone.heic: most browsers cannot read HEIC. Convert it to JPEG or PNG.');
    expect(said).toMatch(/cut\.png: it is PNG, but damaged[\s\S]*empty\.jpg: it is empty/);
    expect(complaints).toEqual([]);
    await page.close();
  }, 300_000);

  test('in folders become classes, are learned on an opened network, and what is saved answers alike in Node', async () => {
    await setBackend('cpu');
    const base = vgg(
      [
        [1, 8],
        [1, 16],
      ],
      { inputShape: [32, 32, 3], includeTop: false, seed: 3 },
    );
    const weights = {
      name: 'features.safetensors',
      bytes: await encodeWeights(base, { names: 'torchvision' }),
    };
    base.dispose();
    const root = await folders();
    try {
      const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      await dropFrom(page, cardOf(0), [root]);
      await page.waitForSelector('.own-class >> nth=2 >> text=6 images');
      const names = await page
        .locator('.own-head input')
        .evaluateAll((all) => all.map((one) => (one as HTMLInputElement).value));
      expect(names).toEqual(['bags', 'sneakers', 'trousers']);
      await page.waitForFunction(() => document.querySelectorAll('.own-thumbs img').length === 18);
      await drop(page, [weights]);
      await page.click('text=Teach it your images');
      expect(await page.isChecked('.own-base >> text=features.safetensors')).toBe(true);
      await page.getByLabel('Images are prepared').selectOption('plain');
      await page.click('.own-go .primary');
      await page.waitForSelector('.step .note.good');
      const image = await garment(8, 77);
      await choose(page, 'text=Choose an image', [image]);
      await expect.poll(() => best(page), { timeout: 30_000 }).toBe('bags');
      const said = await answers(page);

      const saved = new Map<string, Uint8Array>();
      page.on('download', async (file) =>
        saved.set(file.suggestedFilename(), new Uint8Array(await readFile(await file.path()))),
      );
      await page.click('.saves .chip >> nth=0');
      await expect.poll(() => saved.size, { timeout: 30_000 }).toBe(2);
      await page.click('.saves .chip >> nth=1');
      await expect.poll(() => saved.size, { timeout: 30_000 }).toBe(3);
      for (const [name, bytes] of saved) {
        if (name === 'model.weights.bin') continue;
        const { model } = await fromWeights(new File([bytes as BlobPart], name), {
          shards: () => new Blob([saved.get('model.weights.bin')! as BlobPart]),
        });
        for (const { label, probability } of await classify(model, image.buffer, { topK: 3 })) {
          expect(probability, `${name}: ${label}`).toBeCloseTo(said[label]!, 4);
        }
        model.dispose();
      }

      await page.reload();
      await page.waitForSelector('text=This was trained on features.safetensors');
      await drop(page, [weights]);
      // There once the file is open, which shows the view of the weights.
      await page.click('text=Teach it your images');
      await choose(page, 'text=Choose an image', [image]);
      await expect.poll(() => best(page), { timeout: 30_000 }).toBe('bags');
      expect(complaints).toEqual([]);
      await page.close();
    } finally {
      await rm(root, { recursive: true });
    }
  }, 300_000);

  test('are taken by the camera while a button is held, which then answers live, and goes off with the view', async () => {
    const browser = await withCamera(true);
    try {
      const { page, complaints } = await openTab(browser, 'about:blank');
      // Counts what the network is asked.
      await page.addInitScript(() => {
        const { postMessage } = Worker.prototype;
        Object.assign(window, { asked: 0 });
        Worker.prototype.postMessage = function (this: Worker, message: { name?: string }) {
          if (message.name === 'guess') (window as never as { asked: number }).asked++;
          postMessage.call(this, message);
        };
      });
      await page.goto(`${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      for (const place of [0, 1]) {
        await page.click(`${cardOf(place)} >> text=Use the camera`);
        await page.waitForSelector(`${cardOf(place)} >> video`);
        await page.waitForFunction(() => document.querySelector('video')!.readyState >= 2);
        const button = page.getByText('Hold to take images');
        if (place === 0) {
          const { x, y } = (await button.boundingBox())!;
          await page.mouse.move(x + 20, y + 20);
          await page.mouse.down();
          await page.waitForSelector(`${cardOf(0)} >> li >> nth=4`, { timeout: 90_000 });
          await page.mouse.up();
        } else {
          await button.focus();
          await page.keyboard.down('Space');
          await page.waitForSelector(`${cardOf(1)} >> li >> nth=4`, { timeout: 90_000 });
          await page.keyboard.up('Space');
        }
      }
      await page.evaluate(() => {
        const { srcObject } = document.querySelector('video')!;
        Object.assign(window, { tracks: (srcObject as MediaStream).getTracks() });
      });
      await page.waitForSelector('.own-go .primary:enabled');
      await page.click('.own-go .primary');
      await page.waitForSelector('.step .note.good');
      await page.click('.own-subject >> text=Use the camera');
      await page.waitForSelector('.own-answers .best');
      // It goes on asking.
      const asked = () => page.evaluate(() => (window as never as { asked: number }).asked);
      const before = await asked();
      await expect.poll(asked, { timeout: 30_000 }).toBeGreaterThan(before + 3);
      const states = () =>
        page.evaluate(() =>
          (window as never as { tracks: MediaStreamTrack[] }).tracks.map((one) => one.readyState),
        );
      expect(await states()).toEqual(['live']);
      await go(page, 'network');
      await page.waitForSelector('.facts');
      expect(await states()).toEqual(['ended']);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  }, 300_000);

  test('without a camera say why, in a sentence', async () => {
    const browser = await withCamera(false);
    try {
      const { page } = await openTab(browser, `${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      const press = () => page.click(`${cardOf(0)} >> text=Use the camera`);
      await press();
      await page.waitForSelector('[role=alert] >> text=does not let this page use the camera');
      for (const [name, sentence] of [
        ['NotFoundError', 'There is no camera'],
        ['NotReadableError', 'another program may be using it'],
        [undefined, 'only for pages on https or localhost'],
      ] as const) {
        await page.evaluate((name) => {
          const value = name && { getUserMedia: () => Promise.reject(new DOMException('', name)) };
          Object.defineProperty(navigator, 'mediaDevices', { value, configurable: true });
        }, name);
        await page.click('[role=alert] button');
        await page.waitForSelector(`[role=alert] >> text=${sentence}`);
      }
      await page.click(`${cardOf(0)} >> text=Turn the camera off`);
      expect(await page.locator('[role=alert]').count()).toBe(0);
    } finally {
      await browser.close();
    }
  }, 300_000);
});
