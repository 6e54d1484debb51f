import { describe, expect, test } from 'vitest';
import { exercises } from '../../site/src/state/exercises.js';
import { allTextsOf } from '../../site/src/text/index.js';
import { hasChromium } from '../support/chromium.js';
import { openTab, useSite } from './page.js';

const served = useSite();

/** The convolutions of VGG-11 at some size of images, and the numbers that AlexNet's layers give for one of 224x224. */
const CONVS = [
  [1, 64, 1],
  [64, 128, 2],
  [128, 256, 4],
  [256, 256, 4],
  [256, 512, 8],
  [512, 512, 8],
  [512, 512, 16],
  [512, 512, 16],
] as const;
const ALEXNET = [54 ** 2 * 96, 26 ** 2 * 96, 26 ** 2 * 256, 12 ** 2 * (256 + 384 + 384 + 256), 5 ** 2 * 256];

const sum = (all: readonly number[]) => all.reduce((a, b) => a + b);

/** Its multiply-accumulates, by hand. */
const work = (side: number) =>
  sum(CONVS.map(([from, to, over]) => 9 * from * to * (side / over) ** 2)) +
  512 * (side / 32) ** 2 * 4096 +
  4096 * 4096 +
  4096 * 10;

/** The numbers of its maps, before and after each pooling. */
const maps = (side: number) =>
  sum(CONVS.map(([, to, over]) => to * (side / over) ** 2)) +
  sum([64, 128, 256, 512, 512].map((to, i) => to * (side / 2 ** (i + 1)) ** 2));

/** The answer to each exercise, as the page writes it. */
const RIGHT = { size: '5.4', memory: '11', layers: '11' };

test('the right answer to each exercise is what a count by hand gives, and the others are far from it', () => {
  const byHand = { size: work(224) / work(96), memory: maps(224) / sum(ALEXNET), layers: CONVS.length + 3 };
  for (const { name, answers, right } of exercises()) {
    expect(answers).toHaveLength(3);
    for (const [i, answer] of answers.entries()) {
      const times = Math.max(answer / byHand[name], byHand[name] / answer);
      if (i === right) expect(times, name).toBeLessThan(1.2);
      else expect(times, name).toBeGreaterThan(1.3);
    }
  }
});

describe.skipIf(!hasChromium)('the exercises', () => {
  test.each(['en', 'zh'] as const)(
    'judge each answer, say why, and set their network up, in %s',
    async (language) => {
      const { exercises: says } = await allTextsOf(language);
      const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=network`, {
        language,
      });
      const questions = page.locator('.exercises fieldset');
      await expect.poll(() => questions.count()).toBe(3);
      for (const [i, name] of (['size', 'memory', 'layers'] as const).entries()) {
        const question = questions.nth(i);
        const status = question.locator('[role=status]');
        expect(await status.innerText()).toBe('');
        const chips = question.locator('.chip');
        const answers = await chips.allInnerTexts();
        expect(answers).toHaveLength(3);
        const right = answers.findIndex(
          (answer) => answer === (name === 'layers' ? RIGHT[name] : says.times(RIGHT[name])),
        );
        expect(right, answers.join()).toBeGreaterThanOrEqual(0);
        const reasons = new Set<string>();
        for (const [at] of answers.entries()) {
          await chips.nth(at).click();
          await expect.poll(() => chips.nth(at).getAttribute('aria-pressed')).toBe('true');
          await expect
            .poll(() => question.locator('strong').innerText())
            .toBe(at === right ? says.right : says.wrong);
          expect(await question.locator('.chip[aria-pressed=true]').count()).toBe(1);
          // Once one is chosen the right one shows, and a wrong one that was chosen.
          expect(await question.locator('.chip.right').allInnerTexts()).toEqual([answers[right]]);
          expect(await question.locator('.chip.wrong').allInnerTexts()).toEqual(
            at === right ? [] : [answers[at]],
          );
          reasons.add((await status.innerText()).replace(at === right ? says.right : says.wrong, '').trim());
        }
        // The reason is the same whatever was guessed, and has numbers.
        expect([...reasons]).toEqual([expect.stringMatching(/\d/)]);
        await status.getByText(says.setUp).click();
        await page.waitForURL(
          name === 'size' ? /input=96x1/ : name === 'memory' ? /batch=128/ : /input=224x1/,
        );
      }
      expect(complaints).toEqual([]);
      await page.close();
    },
  );
});
