import type { Text } from './en.js';

export type Language = 'en' | 'zh';

/** The texts of a language, loaded when first needed. */
export async function textsOf(language: Language): Promise<Text> {
  return language === 'zh' ? (await import('./zh.js')).zh : (await import('./en.js')).en;
}
