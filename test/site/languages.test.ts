import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { IMAGENET_ZH } from '../../site/src/text/imagenetZh.js';
import { allTextsOf } from '../../site/src/text/index.js';
import { LABELS } from '../../src/imagenet/index.js';
import { plan, summary, VGG11 } from '../../src/index.js';
import { englishWords } from './latinWords.js';

type Leaf = string | ((...values: unknown[]) => unknown);

/** All texts of a language by their paths. */
function leaves(texts: object, path = ''): [path: string, leaf: Leaf][] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'object' ? leaves(value, `${path}${key}.`) : [[path + key, value] as [string, Leaf]],
  );
}

const [en, zh] = await Promise.all([allTextsOf('en'), allTextsOf('zh')]);
const [english, chinese] = [new Map(leaves(en)), new Map(leaves(zh))];

/** Values that an argument may have; the first kind that a text accepts is used. */
const KINDS: readonly (readonly unknown[])[] = [
  [0, 1, 2, 41, 5000],
  ['71', '83'],
  [['71'], ['83']],
];

/** What a text says for each value of each of its arguments, the others being the last of their kind. */
function said(leaf: (...values: unknown[]) => unknown): string[][] {
  for (const values of KINDS) {
    const others = Array.from({ length: leaf.length }, () => values.at(-1));
    try {
      return others.map((_, i) => values.map((value) => String(leaf(...others.with(i, value)))));
    } catch {}
  }
  throw new Error(`none of the values suits ${leaf}`);
}

/** Addresses, and dates as the browser writes them. */
const UNREAD = /^path\.sections|^runs\.when$/;

/** Everything that a text can say. */
const sentences = (leaf: Leaf) => (typeof leaf === 'string' ? [leaf] : said(leaf).flat());

describe('the two languages of the playground', () => {
  test('have the same texts', () => {
    expect([...chinese.keys()]).toEqual([...english.keys()]);
    for (const [path, leaf] of english) expect(typeof chinese.get(path), path).toBe(typeof leaf);
  });

  test('say the same of what they are given: an argument counts in both or in neither', () => {
    const counts = (leaf: (...values: unknown[]) => unknown) =>
      said(leaf).map((all) => new Set(all).size > 1);
    for (const [path, leaf] of english) {
      const translated = chinese.get(path)!;
      if (typeof leaf === 'string' || typeof translated === 'string') continue;
      // Only Chinese has other names for classes and for the words of the diagram.
      expect(counts(translated), path).toEqual(counts(leaf));
    }
  });

  test('have no English in Chinese but names, and no Chinese in English', () => {
    const foreign = [...chinese].flatMap(([path, leaf]) =>
      sentences(leaf).flatMap((text) =>
        (UNREAD.test(path) ? [] : englishWords(text)).map((word) => `${path}: ${word}`),
      ),
    );
    expect([...new Set(foreign)]).toEqual([]);
    const han = [...english].filter(([, leaf]) =>
      sentences(leaf).some((text) => /\p{Script=Han}/u.test(text)),
    );
    expect(han.map(([path]) => path)).toEqual([]);
  });

  test('are not the same but for names and symbols', () => {
    const same = [...english].filter(([path, leaf]) => leaf === chinese.get(path)).map(([, leaf]) => leaf);
    for (const text of same)
      expect(text).toMatch(
        /^[^\p{L}]*$|^(API|LPIPS|SGD|AdamW?|3×3|1×1|(Grad|Layer|Score)-?CAM(\+\+)?|SmoothGrad)$/u,
      );
  });
});

test("ImageNet's classes have a Chinese name each, in the order of their labels", () => {
  expect(IMAGENET_ZH).toHaveLength(LABELS.length);
  expect(new Set(IMAGENET_ZH).size).toBe(LABELS.length);
  const unlike = IMAGENET_ZH.filter((name) => !/^(iPod|福特 T 型车|\p{Script=Han}{1,12})$/u.test(name));
  expect(unlike).toEqual([]);
  // From every part of the list, so that nothing has moved.
  for (const [label, name] of [
    ['tench', '丁鱥'],
    ['axolotl', '美西钝口螈'],
    ['bullfrog', '牛蛙'],
    ['koala', '考拉'],
    ['killer whale', '虎鲸'],
    ['Chihuahua', '吉娃娃'],
    ['golden retriever', '金毛寻回犬'],
    ['Siberian husky', '西伯利亚哈士奇'],
    ['tabby', '虎斑猫'],
    ['lion', '狮子'],
    ['ladybug', '瓢虫'],
    ['zebra', '斑马'],
    ['giant panda', '大熊猫'],
    ['abacus', '算盘'],
    ['bicycle-built-for-two', '双人自行车'],
    ['cello', '大提琴'],
    ['envelope', '信封'],
    ['iPod', 'iPod'],
    ['Model T', '福特 T 型车'],
    ['orange', '橙子'],
    ['piggy bank', '存钱罐'],
    ['soccer ball', '足球'],
    ['teapot', '茶壶'],
    ['violin', '小提琴'],
    ['pizza', '披萨'],
    ['volcano', '火山'],
    ['toilet tissue', '卫生纸'],
  ] as const)
    expect(IMAGENET_ZH[LABELS.indexOf(label)], label).toBe(name);
});

/** What is set wrongly: a half-width mark beside Chinese, no space beside Latin letters and digits, a space beside a full-width mark, two marks in a row. */
const MISSET =
  /.{0,6}(?:\p{Script=Han}[,;:!?()"]|[,;:!?()"]\p{Script=Han}|\p{Script=Han}[A-Za-z\d]|[A-Za-z\d%]\p{Script=Han}|[，。：；（、！？][ ]|[ ][，。：；）、！？]|[，。：；、][，。：；、])/gu;
const misset = (text: string) => text.replaceAll('T恤', '').match(MISSET) ?? [];

/** A guide's prose: no code, no addresses, no marks of Markdown. */
function prose(page: string): string {
  const source = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
  return source
    .replace(/^```.*?^```|^ {4}[^\n]*$/gms, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replace(/(\p{Script=Han}|[，。：；（）、])\n(?=\p{Script=Han}|[，。：；（）、])/gu, '$1');
}

describe('Chinese is set with full-width marks, and with a space beside Latin letters and digits', () => {
  test('in the playground', () => {
    const found = [...chinese].flatMap(([path, leaf]) =>
      UNREAD.test(path)
        ? []
        : sentences(leaf).flatMap((text) => misset(text).map((one) => `${path}: ${one}`)),
    );
    expect([...new Set(found)]).toEqual([]);
  });

  test.each(['zh/start.md', 'zh/chapter.md'])('in %s', (page) => {
    expect(prose(page).split('\n').flatMap(misset)).toEqual([]);
  });
});

test("the Chinese chapter's figures are those of the English one, or of the summary", () => {
  const numbers = (text: string) => text.match(/\d+(?:,\d{3})*(?:\.\d+)?/g) ?? [];
  const known = new Set(numbers(prose('chapter.md') + summary(plan(VGG11))));
  expect(numbers(prose('zh/chapter.md')).filter((n) => !known.has(n))).toEqual([]);
});
