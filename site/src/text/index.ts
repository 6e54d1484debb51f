import type { FirstText, Text } from './en.js';

export type Language = 'en' | 'zh';

/** The texts of a language that the first paint needs, loaded when first needed. */
export async function textsOf(language: Language): Promise<FirstText> {
  return language === 'zh' ? (await import('./zh.js')).zh : (await import('./en.js')).en;
}

/** All texts of a language. */
export async function allTextsOf(language: Language): Promise<Text> {
  const [first, { later }] = await Promise.all([
    textsOf(language),
    language === 'zh' ? import('./zhLater.js') : import('./enLater.js'),
  ]);
  return { ...first, ...later };
}
