import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Page } from 'playwright-core';
import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { classify } from '../../src/imagenet/index.js';
import { vgg } from '../../src/index.js';
import { encodeWeights, fromWeights } from '../../src/weights/index.js';
import { hasChromium } from '../support/chromium.js';
import { answers, best, cardOf, choose, garment, garments, teach } from './ownImages.js';
import { drop, go, hasFocus, openTab, useSite } from './page.js';

const served = useSite();

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

describe.skipIf(!hasChromium)("the visitor's own images", () => {
  test('are learned from files, answer, and are there again after another view and a reload', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
    const strangers: string[] = [];
    page.on('request', (request) => {
      if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(served.site.url))
        strangers.push(request.url());
    });
    await page.waitForSelector('.own-class');
    await expect.poll(() => page.title()).toBe('Your images · vgg-blocks playground');
    await page.waitForSelector('.own-go .button:disabled');
    await page.getByLabel('Name of class 1').fill('shoe');
    await choose(page, `${cardOf(0)} >> text=Choose images`, await garments(7, 3));
    await page.waitForSelector(
      '#own-missing >> text="Still too few images: shoe needs 2 more, Class 2 needs 5 more."',
    );
    await page.getByLabel(/Remove shoe, image 3/).click();
    await page.waitForSelector(`${cardOf(0)} >> text=2 images`);
    await page.click('.notices >> text=Undo');
    await page.waitForSelector(`${cardOf(0)} >> text=3 images`);
    await teach(page);
    expect(await page.innerText('.step .note')).toMatch(/Trained on 12 images .* Of 3 images/);
    for (const [kind, name] of [
      [7, 'shoe'],
      [1, 'Class 2'],
    ] as const) {
      await choose(page, 'text=Choose an image', [await garment(kind, 90)]);
      await expect.poll(() => best(page)).toBe(name);
    }
    await page.getByLabel('Show where it looks').check();
    await page.waitForSelector('.own-heat canvas');
    const said = await answers(page);

    await go(page, 'train');
    await page.goBack();
    await page.waitForSelector(`${cardOf(0)} >> text=9 images`);
    await expect.poll(() => answers(page)).toEqual(said);
    await page.reload();
    await page.waitForSelector(`${cardOf(0)} >> text=9 images`);
    await expect.poll(() => page.locator('.own-thumbs img').count()).toBe(15);
    await page.waitForSelector('.step .note.good');
    await choose(page, 'text=Choose an image', [await garment(1, 90)]);
    await expect.poll(() => best(page)).toBe('Class 2');
    await expect.poll(() => answers(page)).toEqual(said);
    // A class that goes can come back, and what was trained says that it is of other images.
    await page.getByLabel('Remove shoe', { exact: true }).click();
    await page.waitForSelector('#own-missing >> text="Add a second class."');
    await page.waitForSelector('.step .note.warn >> text=Your images have changed since');
    await page.click('.notices >> text=Undo');
    await page.waitForSelector('.step .note.good');
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await page.close();
  });

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
    const said = () => page.innerText('.notices');
    await expect
      .poll(said)
      .toContain('phone.heic, cut.png, empty.jpg could not be used. 2 images were added.');
    expect(await said()).toContain('phone.heic: most browsers cannot read HEIC. Convert it to JPEG or PNG.');
    expect(await said()).toMatch(/cut\.png: it is PNG, but damaged[\s\S]*empty\.jpg: it is empty/);
    expect(complaints).toEqual([]);
    await page.close();
  });

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
      const names = () =>
        page
          .locator('.own-head input')
          .evaluateAll((all) => all.map((one) => (one as HTMLInputElement).value));
      await expect.poll(names).toEqual(['bags', 'sneakers', 'trousers']);
      await page.waitForFunction(() => document.querySelectorAll('.own-thumbs img').length === 18);
      await drop(page, [weights]);
      await page.click('text=Teach it your images');
      await expect.poll(() => page.isChecked('.own-base >> text=features.safetensors')).toBe(true);
      await page.getByLabel('Preprocessing').selectOption('plain');
      await page.click('.own-go .primary');
      await page.waitForSelector('.step .note.good');
      const image = await garment(8, 77);
      await choose(page, 'text=Choose an image', [image]);
      await expect.poll(() => best(page)).toBe('bags');
      const said = await answers(page);

      const saved = new Map<string, Uint8Array>();
      page.on('download', async (file) =>
        saved.set(file.suggestedFilename(), new Uint8Array(await readFile(await file.path()))),
      );
      await page.click('.saves .chip >> nth=0');
      await expect.poll(() => saved.size).toBe(2);
      await page.click('.saves .chip >> nth=1');
      await expect.poll(() => saved.size).toBe(3);
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
      await expect.poll(() => best(page)).toBe('bags');
      expect(complaints).toEqual([]);
      await page.close();
    } finally {
      await rm(root, { recursive: true });
    }
  });

  test('whose training is canceled can be trained again, which computes only the features that are missing', async () => {
    await setBackend('cpu');
    // Wide enough that there is time to cancel.
    const base = vgg(
      [
        [1, 24],
        [2, 32],
      ],
      { inputShape: [224, 224, 3], includeTop: false, seed: 3 },
    );
    const bytes = await encodeWeights(base, { names: 'torchvision' });
    base.dispose();
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=own`);
    await page.waitForSelector('.own-class');
    await choose(page, `${cardOf(0)} >> text=Choose images`, await garments(7, 20));
    await choose(page, `${cardOf(1)} >> text=Choose images`, await garments(1, 20));
    await page.waitForSelector(`${cardOf(1)} >> text=20 images`);
    await drop(page, [{ name: 'wide.safetensors', bytes }]);
    await page.click('text=Teach it your images');
    await page.getByLabel('Preprocessing').selectOption('plain');
    // All that the page says of the features, and a press of the button once some are there.
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      new MutationObserver(() => {
        const now = document.querySelector('.own-go [role=status]')?.textContent ?? '';
        if (/^Computing/.test(now) && now !== said.at(-1)) said.push(now);
        const button = document.querySelector<HTMLButtonElement>('.own-go .button');
        // On a busy machine the page does not show each of its numbers.
        if (Number(/image (\d+) of 40/.exec(now)?.[1]) >= 8 && button?.textContent === 'Cancel')
          button.click();
      }).observe(document.querySelector('.own-go')!, { subtree: true, childList: true, characterData: true });
    });
    const said = () => page.evaluate(() => (window as never as { said: string[] }).said.splice(0));
    await page.click('.own-go .primary');
    await page.waitForSelector('.own-go >> text=Cancel');
    await page.waitForSelector('.own-go .primary >> text="Train"');
    await page.waitForSelector('#own-missing >> text="Ready: 40 images in 2 classes."');
    await expect
      .poll(() => page.locator('.own-go progress, .step .note.good, .notices .note').count())
      .toBe(0);
    await hasFocus(page, /^Train$/);
    const before = await said();
    expect(before[0]).toMatch(/^Computing features: image \d+ of 40$/);
    expect(before).not.toContain('Computing features: image 40 of 40');
    await page.click('.own-go .primary');
    await page.waitForSelector('.step .note.good');
    const after = await said();
    expect(after[0]).toMatch(/: image \d+ of (?!40$)\d+$/);
    expect(await page.innerText('.step .note.good')).toMatch(/Trained on 32 images .* Of 8 images/);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
