import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { FASHION_MNIST, garments } from '../../src/data/index.js';
import { idxFiles } from '../data/idxFile.js';
import { hasChromium, launchChromium } from '../support/chromium.js';
import { fixturePath } from '../support/fixtures.js';
import {
  drop,
  epochColumn,
  go,
  hasFocus,
  openTab,
  TINY,
  torchOutputs,
  trainToTheEnd,
  useSite,
} from './page.js';

const served = useSite();

/** Whether the worker has loaded this library's kernels of a backend. */
function hasKernels(page: Page, backend: string): Promise<boolean> {
  const [worker] = page.workers();
  return worker!.evaluate(
    (file) => performance.getEntriesByType('resource').some(({ name }) => name.includes(file)),
    `vgg-blocks~${backend}-`,
  );
}

/** Requests for Fashion-MNIST, but not for the site's own network that was trained on it. */
const PUBLISHERS = /fashion-mnist\.s3|googleapis/;

/** Draws where the network is looked into: an empty pad has no guesses, and nothing draws but a pressed pen. */
async function drawsOnItsPad(page: Page): Promise<void> {
  const light = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('.drawing canvas')!;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 0 && value > 100).length;
    });
  await page.click('.sources .chip >> text=Draw');
  await page.waitForSelector('.drawing canvas');
  await page.waitForFunction(() => !document.querySelector('.guesses li'));
  await page.waitForSelector('text=Draw something');
  const box = (await page.locator('.drawing canvas').boundingBox())!;
  const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(0.2, 0.3));
  await page.mouse.down();
  await page.mouse.move(...at(0.7, 0.3), { steps: 4 });
  await page.mouse.up();
  await page.waitForSelector('.guesses li');
  const drawn = await light();
  expect(drawn).toBeGreaterThan(1000);
  // A touch that the browser takes for itself, and then a mouse without a button.
  const client = await page.context().newCDPSession(page);
  await client.send('Emulation.setTouchEmulationEnabled', { enabled: true });
  const [x, y] = at(0.2, 0.8);
  await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
  await client.send('Input.dispatchTouchEvent', { type: 'touchCancel', touchPoints: [] });
  await client.send('Emulation.setTouchEmulationEnabled', { enabled: false });
  const dotted = await light();
  await page.mouse.move(...at(0.8, 0.8), { steps: 4 });
  expect(await light()).toBe(dotted);
  await go(page, 'train');
  await go(page, 'inside');
  await page.waitForSelector('.drawing canvas');
  await expect.poll(light).toBe(dotted);
  await page.click('.drawing .button');
  await page.waitForFunction(() => !document.querySelector('.guesses li'));
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!hasChromium)('the playground', () => {
  test.each(['wasm', 'webgl', 'webgpu'])(
    'on %s trains to a falling loss, looks inside, and computes what PyTorch computed',
    async (backend) => {
      const { page, complaints } = await openTab(
        served.browser,
        `${served.site.url}#view=train&backend=${backend}&${TINY}`,
      );
      await page.waitForFunction(
        (value) => document.querySelector(`option[value=${value}]:checked`),
        backend,
      );
      await trainToTheEnd(page);
      const losses = await epochColumn(page, 'loss');
      expect(losses).toHaveLength(4);
      expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.02);
      expect(await hasKernels(page, backend)).toBe(backend !== 'webgl');

      await go(page, 'inside');
      await page.waitForSelector('.guesses li');
      const probabilities = (await page.locator('.guesses .probability').allInnerTexts()).map(
        Number.parseFloat,
      );
      expect(probabilities.reduce((a, b) => a + b)).toBeGreaterThan(50);
      expect(probabilities.reduce((a, b) => a + b)).toBeLessThan(100.5);
      await page.waitForSelector('.close-up .numbers');
      await page.waitForSelector('.heat-card canvas');

      await go(page, 'weights');
      await drop(page, [fixturePath('torch/vgg16-narrow.pth')]);
      await expect
        .poll(() => page.innerText('.list'))
        .toMatch(/PyTorch \.pth \(zip\)[\s\S]*VGG-16[\s\S]*torchvision/);
      await drop(page, [await torchOutputs()]);
      await page.waitForSelector('.compared');
      const difference = async () => /[\d.]+e-\d+/.exec(await page.innerText('.compared'))?.[0];
      await expect.poll(async () => Number(await difference())).toBeLessThan(1e-5);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('the downloads of a backend and of data show their bytes, and are canceled', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
    const network = await page.context().newCDPSession(page);
    const limit = (downloadThroughput: number) =>
      network.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        uploadThroughput: -1,
        downloadThroughput,
      });
    const cancel = async () => {
      await page.waitForSelector('.progress >> text=/Downloading: .* of .*\\sMB/');
      await page.click('.run >> text=Cancel');
      await page.waitForSelector('.progress >> text=Ready.');
    };
    await limit(100_000);
    await page.click('.run .primary');
    await cancel();
    await expect.poll(() => page.workers().length).toBe(0);
    await limit(-1);
    await page.context().route(PUBLISHERS, () => {}); // Never answered.
    await page.getByLabel('Images', { exact: true }).selectOption('fashion-mnist');
    await page.click('.run .primary');
    await cancel();
    await page.getByLabel('Images', { exact: true }).selectOption('garments');
    await trainToTheEnd(page);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("training on WebGPU goes on without this library's kernels", async () => {
    const { page, complaints } = await openTab(
      served.browser,
      `${served.site.url}#view=train&${TINY.replace('epochs=4', 'epochs=1')}&backend=webgpu`,
    );
    await trainToTheEnd(page);
    expect(await hasKernels(page, 'webgpu')).toBe(true);
    await page.getByLabel("With vgg-blocks' kernels").uncheck();
    await page.waitForURL(/kernels=0/);
    await page.click('.run >> text=Continue');
    await page.waitForSelector('.layers tbody tr >> nth=1');
    await page.waitForSelector('.notices >> text=Trained');
    expect(await hasKernels(page, 'webgpu')).toBe(false);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('what was trained is saved as tfjs files, safetensors, history and figures, and opened again', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
    await trainToTheEnd(page);
    const download = async (press: string) => {
      const [file] = await Promise.all([page.waitForEvent('download'), page.click(press)]);
      return { name: file.suggestedFilename(), bytes: new Uint8Array(readFileSync(await file.path())) };
    };
    const history = await download('.curves .link >> text=JSON');
    expect(JSON.parse(new TextDecoder().decode(history.bytes)).epochs).toHaveLength(4);
    const svg = await download('.curves .link >> text=SVG');
    expect(new TextDecoder().decode(svg.bytes)).toContain('Training over 4 epochs');
    const png = await download('.curves .link >> text=PNG');
    expect([...png.bytes.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    const weights = await download('.saves .chip >> nth=1');
    const pair: { name: string; bytes: Uint8Array }[] = [];
    const both = new Promise<void>((resolve) => {
      page.on('download', async (file) => {
        pair.push({ name: file.suggestedFilename(), bytes: new Uint8Array(readFileSync(await file.path())) });
        if (pair.length === 2) resolve();
      });
    });
    await page.click('.saves .chip >> nth=0');
    await both;
    expect(pair.map(({ name }) => name).sort()).toEqual(['model.json', 'model.weights.bin']);

    for (const files of [pair, [weights]]) {
      await drop(page, files);
      await page.waitForSelector(
        `.list dd >> text=${files.find(({ name }) => name !== 'model.weights.bin')!.name}`,
      );
      await expect.poll(() => page.innerText('.list')).toMatch(/16×16×1/);
    }
    await page.click('text=Train it further');
    // Its history, dropped before the worker has the network: it is not that of a run beside it.
    await drop(page, [history]);
    await page.waitForSelector('.run >> text=Ready.');
    await page.waitForSelector('.runs li >> nth=1');
    await page.waitForSelector('.layers tbody tr >> nth=3');
    expect(await page.locator('.runs li').count()).toBe(2);
    await trainToTheEnd(page);
    await expect.poll(() => epochColumn(page, 'loss')).toHaveLength(8);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('takes IDX files, classifies the test set, and shows the worst mistakes', async () => {
    const files = Object.entries(idxFiles(garments({ trainImages: 120, testImages: 30 }))).map(
      ([name, bytes]) => ({
        name,
        bytes,
      }),
    );
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#${TINY}`);
    await drop(page, files.slice(0, 3));
    await page.waitForSelector('text=Still missing: test labels');
    await page.waitForSelector('.run .primary:disabled');
    await drop(page, files.slice(3));
    await page.waitForSelector('text=All four files are ready');
    await trainToTheEnd(page);
    await go(page, 'inside');
    await page.click('text=Classify the test set');
    await page.waitForSelector('.confusion');
    const counts = (await page.locator('.confusion td').allInnerTexts()).map(Number);
    expect(counts.reduce((a, b) => a + b)).toBe(30);
    const guess = await page.innerText('.worst .guess >> nth=0');
    await page.click('.worst button >> nth=0');
    await expect.poll(() => page.innerText('.guesses .name >> nth=0')).toBe(guess);
    await drawsOnItsPad(page);
    const image = readFileSync(new URL('../../site/public/icon.svg', import.meta.url));
    await drop(page, [{ name: 'icon.svg', type: 'image/png', bytes: image }]);
    await page.waitForSelector('.notices .bad');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('pauses, resumes and stops', async () => {
    const { page, complaints } = await openTab(
      served.browser,
      `${served.site.url}#view=train&${TINY.replace('epochs=4', 'epochs=1000')}`,
    );
    await page.click('.run .primary');
    await page.waitForSelector('.layers tbody tr');
    await hasFocus(page, /^Pause$/);
    await page.click('.run >> text=Pause');
    await hasFocus(page, /^Resume$/);
    // It says so once the batch at work is done: from here on nothing changes.
    await page.waitForSelector('.progress >> text=/Paused.* are safe/');
    const rows = await page.locator('.layers tbody tr').count();
    await page.waitForTimeout(1000);
    expect(await page.locator('.layers tbody tr').count()).toBe(rows);
    await page.click('.run >> text=Resume');
    await hasFocus(page, /^Pause$/);
    await page.waitForFunction((n) => document.querySelectorAll('.layers tbody tr').length > n, rows);
    await page.click('.run >> text=Stop');
    await page.waitForSelector('.notices >> text=Stopped');
    await hasFocus(page, /^Continue$/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a killed worker is reported, and training continues from its weights in a new one', async () => {
    const { page } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
    await trainToTheEnd(page);
    const losses = await epochColumn(page, 'loss');
    await page.workers()[0]!.evaluate(() => self.close());
    await page.waitForSelector('.notices >> text=stopped the worker');
    await page.waitForSelector('.notices >> text=The weights after 4 epochs are safe');
    await page.click('.run >> text=Continue');
    await page.waitForSelector('.notices >> text=Trained');
    await page.waitForSelector('.layers tbody tr >> nth=7');
    const later = await epochColumn(page, 'loss');
    expect(later).toHaveLength(8);
    // Adam starts over, the weights do not.
    expect(later[4]).toBeLessThan(losses[0]! - 0.02);
    await page.close();
  });

  test.each(['webgl', 'webgpu'])(
    'a lost GPU is reported on %s, and the weights are safe',
    async (backend) => {
      // A browser of its own: Chromium restarts a GPU process only a few times.
      const own = await launchChromium();
      try {
        const long = TINY.replace('epochs=4', 'epochs=1000');
        const { page } = await openTab(own, `${served.site.url}#view=train&backend=${backend}&${long}`);
        await page.click('.run .primary');
        await page.waitForSelector('.layers tbody tr');
        await page.click('.run >> text=Pause');
        await page.waitForSelector('.progress >> text=/epochs? are safe/');
        await (await own.newBrowserCDPSession()).send('Browser.crashGpuProcess');
        await page.waitForSelector('.notices >> text=lost access to the GPU');
        await page.waitForSelector('.notices >> text=/weights after \\d+ epochs? are safe/');
        await page.getByLabel('Backend').selectOption('wasm');
        await page.getByLabel('Epochs', { exact: true }).fill('1');
        const before = await page.locator('.layers tbody tr').count();
        await page.click('.run >> text=Continue');
        await page.waitForSelector('.notices >> text=Trained');
        await expect.poll(() => page.locator('.layers tbody tr').count()).toBe(before + 1);
      } finally {
        await own.close();
      }
    },
  );

  test('damaged and unknown files are reported, and an open file stays open', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
    await drop(page, [{ name: 'broken.safetensors', bytes: new Uint8Array(64).fill(7) }]);
    await expect
      .poll(() => page.innerText('.notices'))
      .toMatch(/This is not a weight file[\s\S]*broken\.safetensors/);
    await go(page, 'train');
    await drop(page, [{ name: 'notes.txt', type: 'text/plain', bytes: new Uint8Array(3) }]);
    await page.waitForSelector('text=notes.txt cannot be read here');
    await page.context().route(PUBLISHERS, (route) => route.abort());
    await page.getByLabel('Images', { exact: true }).selectOption('fashion-mnist');
    await page.click('.run .primary');
    await page.waitForSelector('.notices >> text=Fashion-MNIST could not be downloaded');
    complaints.length = 0; // The browser's own about the blocked requests.
    await drop(page, [fixturePath('keras/vgg16-narrow.published.h5')]);
    await page.waitForSelector('.list >> text=vgg16-narrow.published.h5');
    const cut = readFileSync(fixturePath('torch/vgg16-narrow.pth')).subarray(0, 20_000);
    await drop(page, [{ name: 'cut.pth', bytes: cut }]);
    await page.waitForSelector('.notices >> text=cut.pth');
    expect(await page.innerText('.list')).toContain('vgg16-narrow.published.h5');
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each(['home', 'mirror'])(
    'Fashion-MNIST comes from its %s, is checked, kept, and trained on',
    async (from) => {
      // The checksums in the page are those of 60000 images; here they become those of the 2000 garments that are served.
      const drawn = idxFiles(garments({ trainImages: 1600, testImages: 400 }));
      const files = Object.values(FASHION_MNIST.files).map(({ name, bytes, sha256 }) => {
        const small = gzipSync(drawn[name.replace('.gz', '')]!);
        return { name, small, is: [bytes, sha256], becomes: [small.length, sha256Of(small)] };
      });
      served.site.alters = (path, sent) =>
        path.endsWith('.js')
          ? files.reduce(
              (text, { is, becomes }) =>
                text.replace(`[${is[0]},`, `[${becomes[0]},`).replace(`${is[1]}`, `${becomes[1]}`),
              sent.toString(),
            )
          : sent;
      const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
      const asked: string[] = [];
      await page.context().route(PUBLISHERS, (route) => {
        const url = new URL(route.request().url());
        asked.push(url.href);
        const file = files.find(({ name }) => url.pathname.endsWith(`/${name}`));
        if (!file || (from === 'mirror' && url.href.startsWith(FASHION_MNIST.home))) return route.abort();
        return route.fulfill({
          body: Buffer.from(file.small),
          headers: { 'access-control-allow-origin': '*' },
        });
      });
      await page.getByLabel('Images', { exact: true }).selectOption('fashion-mnist');
      await page.getByLabel('Epochs', { exact: true }).fill('2');
      await page.getByLabel('Batch size').fill('32');
      await trainToTheEnd(page);
      const homes = asked.filter((url) => url.startsWith(FASHION_MNIST.home));
      expect(homes.length).toBe(from === 'home' ? 4 : asked.length - 4);
      expect((await epochColumn(page, 'test')).at(-1)).toBeGreaterThan(20); // Chance is 10.
      await go(page, 'inside');
      await page.click('text=Classify the test set');
      await page.waitForSelector('.confusion');
      const counts = (await page.locator('.confusion td').allInnerTexts()).map(Number);
      expect(counts.reduce((a, b) => a + b)).toBe(400);
      if (from === 'home') {
        expect(complaints).toEqual([]);
        await page.reload();
        await go(page, 'train');
        await trainToTheEnd(page);
        expect(asked).toHaveLength(4);
      }
      await page.close();
    },
  );

  test('opens with a network at work: it says what is drawn, and how each number comes about', async () => {
    const { page, complaints } = await openTab(served.browser, served.site.url);
    await expect.poll(() => page.innerText('.guesses li >> nth=0')).toMatch(/Ankle boot\s+(9\d|100)/);
    await page.click('.samples button >> nth=3');
    await page.waitForSelector('.guesses li >> nth=0 >> text=Bag');

    // An outline of a shoe, with the answer before the button is released.
    const box = (await page.locator('.drawing canvas').boundingBox())!;
    const to = (x: number, y: number) =>
      page.mouse.move(box.x + (x * box.width) / 28, box.y + (y * box.height) / 28);
    await to(3, 14);
    await page.mouse.down();
    for (const [x, y] of [
      [8, 13],
      [11, 10],
      [14, 9],
      [18, 12],
      [25, 15],
      [26, 19],
      [2, 20],
      [3, 14],
    ] as const)
      await to(x, y);
    await page.waitForSelector('.guesses li >> nth=0 >> text=Sneaker');
    await page.mouse.up();

    await page.click('.strip button >> text=conv3_2');
    await page.waitForSelector('.close-up h2 >> text=conv3_2');
    const picker = page.locator('.picker');
    await picker.focus();
    const before = await picker.getAttribute('aria-valuetext');
    await page.keyboard.press((await picker.getAttribute('aria-valuenow')) === '0' ? 'ArrowDown' : 'ArrowUp');
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => picker.getAttribute('aria-valuetext')).not.toBe(before);
    const steps = await page.locator('.steps b').allInnerTexts();
    const numbers = steps.map((text) => Number(text.replace('\u2212', '-')));
    const sum = numbers.at(-3)!;
    expect(numbers.slice(0, -3).reduce((a, b) => a + b)).toBeCloseTo(sum, 1);
    await expect.poll(() => page.innerText('.steps')).toMatch(/5[89] other maps/);
    await page.click('.strip button >> text=pool3');
    await page.waitForSelector('.close-up .numbers >> text=Largest');
    await page.click('.strip button >> text=classes');
    await page.waitForSelector('.dense-sum');
    await expect.poll(() => page.locator('.units button').count()).toBe(10);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('the first paint has no tfjs and does not jump; the address holds the choice', async () => {
    const { page, complaints } = await openTab(
      served.browser,
      `${served.site.url}#view=network&net=vgg16&ratio=1&input=224x3&classes=1000&fc=4096`,
    );
    const shifts = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries())
              sum += (entry as PerformanceEntry & { value: number }).value;
          }).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(sum), 700);
        }),
    );
    expect(shifts).toBeLessThan(0.02);
    const fetched = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => name),
    );
    expect(fetched.filter((name) => /tfjs|wasm/.test(name))).toEqual([]);
    await expect.poll(() => page.innerText('.facts')).toMatch(/138,357,544[\s\S]*15,470,264,320/);
    await page.getByLabel('Image size').fill('96');
    await page.getByLabel('Divide widths by').selectOption('4');
    await page.getByLabel('Batch normalization').check();
    await page.waitForURL(/bn=1/);
    const facts = await page.innerText('.facts');
    expect(facts).not.toMatch(/138,357,544/);
    const again = await openTab(served.browser, page.url());
    await expect.poll(() => again.page.innerText('.facts')).toBe(facts);
    expect([...complaints, ...again.complaints]).toEqual([]);
    await again.page.close();
    await page.close();
  });
});
