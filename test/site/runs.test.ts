import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { garments } from '../../src/data/index.js';
import { idxFiles } from '../data/idxFile.js';
import { hasChromium } from '../support/chromium.js';
import { fixturePath } from '../support/fixtures.js';
import { drop, epochColumn, go, hasFocus, openTab, TINY, trainToTheEnd, useSite } from './page.js';

const served = useSite();

/** Whether the button that goes on is described by a sentence. */
async function goesOn(page: Page, sentence: RegExp): Promise<void> {
  await page.waitForSelector('.run >> text=Continue');
  await expect.poll(() => page.innerText('#way')).toMatch(sentence);
}

/** The list of runs says what the last tested epoch of the only run scored, and nothing where none was tested. */
async function listSaysTheLast(page: Page): Promise<void> {
  const tested = (await epochColumn(page, 'test')).filter((one) => !Number.isNaN(one));
  await expect
    .poll(async () => (await page.locator('.runs b').allInnerTexts()).map((one) => Number.parseFloat(one)))
    .toEqual(tested.slice(-1));
}

/** The epochs of the only run that the browser has stored so far. */
function keptEpochs(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await done(indexedDB.open('vgg-blocks playground'));
    try {
      const [run] = await done(database.transaction('runs').objectStore('runs').getAll());
      return run?.epochs.length ?? 0;
    } finally {
      database.close();
    }
  });
}

describe.skipIf(!hasChromium)('runs of the playground', () => {
  test('are there after a reload, go on where they were, are compared, and ask before they go', async () => {
    const long = TINY.replace('epochs=4', 'epochs=1000').replace('cosine=0', 'cosine=1');
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${long}`);
    await page.click('.run .primary');
    await page.waitForSelector('.layers tbody tr >> nth=2');
    // The card names what trains, whatever is designed meanwhile; a file that is dropped now waits.
    const name = await page.innerText('.which');
    await go(page, 'network');
    await page.click('text=Add block');
    await go(page, 'train');
    await expect.poll(() => page.innerText('.which')).toBe(name);
    await page.goBack();
    await page.getByLabel('Remove block 3').click();
    await drop(page, [fixturePath('torch/vgg16-narrow.pth')]);
    await page.waitForSelector('.notices >> text=will open as soon as training ends');
    await go(page, 'train');
    const before = await epochColumn(page, 'loss');
    await expect.poll(() => keptEpochs(page)).toBeGreaterThanOrEqual(before.length);
    await page.reload();
    await page.waitForSelector('.notices >> text=was interrupted after');
    await page.waitForSelector(`.layers tbody tr >> nth=${before.length - 1}`);
    expect((await epochColumn(page, 'loss')).slice(0, before.length)).toEqual(before);
    await goesOn(page, /where training stopped, up to epoch 1000/);
    await page.click('.notices >> text=Continue where you left off');
    await page.waitForSelector(`.layers tbody tr >> nth=${before.length + 3}`);
    expect((await epochColumn(page, 'loss')).slice(0, 3)).toEqual(before.slice(0, 3));
    await page.click('.run >> text=Stop');
    await page.waitForSelector('.notices >> text=Stopped');
    await hasFocus(page, /^Continue$/);
    await goesOn(page, /where training stopped/);
    await listSaysTheLast(page);

    // A second run; both stay.
    await page.getByLabel('Epochs', { exact: true }).fill('2');
    await page.click('.run >> text=Start over');
    await page.waitForSelector('.notices >> text=Trained');
    await goesOn(page, /2 more epochs at a constant learning rate of 0\.0004, a tenth/);
    await expect.poll(() => page.locator('.runs li').count()).toBe(2);
    await page.locator('.runs input').check();
    await page.waitForSelector('.chart .other .line');
    // A link in the head, and back by another.
    await page.click('.banner nav a >> nth=1');
    await page.waitForURL('**/guide/*.html');
    await page.click('.brand');
    await page.waitForSelector('.views');
    await go(page, 'train');
    await page.waitForSelector('.runs li >> nth=1');
    await page.waitForSelector('.layers tbody tr >> nth=1');
    // It looks inside without having been trained in this visit.
    await go(page, 'inside');
    await page.waitForSelector('.guesses li');
    await go(page, 'train');
    await page.click('.runs li >> nth=1 >> text=Remove');
    await page.click('dialog button >> nth=0');
    await page.waitForSelector('dialog', { state: 'hidden' });
    expect(await page.locator('.runs li').count()).toBe(2);
    await page.click('.runs li >> nth=1 >> text=Remove');
    await page.click('dialog button >> nth=1');
    await page.waitForFunction(() => document.querySelectorAll('.runs li').length === 1);
    await page.waitForFunction(async () => (await indexedDB.databases()).length === 1);
    await hasFocus(page, /^(?!BODY)/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('that diverge come back to their last good weights, and say so', async () => {
    const wild = TINY.replace('rate=0.004', 'rate=10');
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${wild}`);
    await page.click('.run .primary');
    await page.waitForSelector('.notices >> text=higher than guessing gives');
    await listSaysTheLast(page);
    // However high the loss became, its axis can be read.
    expect(
      await page
        .locator('.chart svg text')
        .evaluateAll((all) => all.filter((one) => (one as SVGTextElement).getBBox().x < 0).length),
    ).toBe(0);
    await go(page, 'inside');
    await page.waitForSelector('.guesses li');
    expect(await page.innerText('.guesses')).not.toContain('NaN');
    expect(await page.innerText('body')).not.toContain('classIndex');
    // On a phone no answer breaks within a word, and no button leaves its card.
    await page.setViewportSize({ width: 360, height: 800 });
    const lines = () =>
      page
        .locator('.guesses .name')
        .evaluateAll((all) => all.map((name) => name.getClientRects()[0]!.height / 1.5 / 13.5));
    await expect.poll(async () => Math.max(...(await lines()))).toBeLessThan(1.5);
    const right = async (selector: string) => {
      const { x, width } = (await page.locator(selector).boundingBox())!;
      return x + width;
    };
    const button = '.card > header .aside > .button';
    expect(await right(button)).toBeLessThan(await right(`.card:has(> header .aside > .button)`));
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([
    ['adam', 0.5, 'too high: start over with 0.001.', '学习率 0.5 太大：请改为 0.001'],
    ['sgd', 0.00001, 'too low: start over with 0.', '学习率 0.00001 太小：请改为 0.'],
  ])(
    'that end at guessing say so, and which rate to try: %s at %d',
    async (optimizer, rate, inEnglish, inChinese) => {
      const choice = TINY.replace('adam', optimizer).replace('rate=0.004', `rate=${rate}`);
      const { page, complaints } = await openTab(
        served.browser,
        `${served.site.url}#view=train&${choice.replace('images=60', 'images=200')}`,
      );
      await page.click('.run .primary');
      await page.waitForSelector('.notices .note');
      const notice = () => page.innerText('.notices .note p');
      expect(await notice()).toContain('the network has learned nothing');
      expect(await notice()).toContain(`The learning rate of ${rate} is ${inEnglish}`);
      expect(await page.locator('.notices .good').count()).toBe(0);
      await page.selectOption('#language', 'zh');
      await expect.poll(notice).toContain('网络什么也没学到');
      expect(await notice()).toContain(inChinese);
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('saved as files, come back with their names, title, test set and confusion matrix', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=train&${TINY}`);
    const set = garments({ trainImages: 60, testImages: 15 });
    await drop(
      page,
      Object.entries(idxFiles(set)).map(([name, bytes]) => ({ name, bytes })),
    );
    // Unknown files: their images are shown with the numbers of their classes, and other names can be chosen.
    await page.waitForSelector('text=belong to no published set');
    const shown = () => page.locator('.samples-row li').allInnerTexts();
    const labels = Array.from(set.testSet.labels.slice(0, 8));
    await expect.poll(shown).toEqual(labels.map(String));
    await page.getByLabel('Class names').selectOption('garments');
    await expect.poll(shown).toEqual(labels.map((label) => set.testSet.classNames[label]!));
    await trainToTheEnd(page);
    await go(page, 'inside');
    await page.click('text=Classify the test set');
    await page.waitForSelector('.confusion td');
    const shownConfusion = () => page.innerText('.confusion');
    const confusion = await shownConfusion();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      go(page, 'train').then(() => page.click('.saves .chip >> nth=1')),
    ]);
    const bytes = await readFile(await file.path());
    await page.reload();
    await go(page, 'inside');
    await page.waitForSelector('.confusion td');
    await expect.poll(shownConfusion).toBe(confusion);
    await drop(page, [{ name: file.suggestedFilename(), bytes }]);
    await page.waitForSelector('.list dd');
    await go(page, 'inside');
    await page.getByLabel('Network', { exact: true }).selectOption('opened');
    await page.waitForSelector('.confusion td');
    await expect.poll(shownConfusion).toBe(confusion);
    const guess = () => page.innerText('.guesses .name >> nth=0');
    await expect.poll(async () => set.testSet.classNames.includes(await guess())).toBe(true);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
