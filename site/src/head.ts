import { keepOffline, type Offline, SITE_MB } from './offline.js';
import { siteRoot } from './siteRoot.js';
import type { Language } from './text/index.js';
import { textsOf } from './text/index.js';

/** Remembers a choice for the next visit, where the browser allows it. */
function remember(key: 'theme' | 'language', value: string): void {
  try {
    localStorage.setItem(`vgg-blocks ${key}`, value);
  } catch {}
}

const root = document.documentElement;

/**
 * Starts the controls of a page's head, and the service worker that saves the site for offline use.
 *
 * @param isBusy whether the page is still loading something.
 * @returns the page's language.
 */
export async function startHead(
  onLanguage: (language: Language) => Promise<void>,
  isBusy = () => false,
): Promise<Language> {
  const language = (root.dataset.language ?? 'en') as Language;
  const button = document.getElementById('theme') as HTMLButtonElement;
  button.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    root.dataset.theme = theme;
    remember('theme', theme);
  });
  const menu = document.getElementById('language') as HTMLSelectElement;
  menu.value = language;
  menu.addEventListener('change', () => {
    const chosen = menu.value as Language;
    remember('language', chosen);
    const translated = document.querySelector<HTMLLinkElement>(`link[hreflang|=${chosen}]`);
    if (translated) {
      location.assign(translated.href);
      return;
    }
    root.dataset.language = chosen;
    root.lang = chosen === 'zh' ? 'zh-CN' : 'en';
    void translate(chosen);
    void showOffline();
    void onLanguage(chosen);
  });
  if (language !== 'en') await translate(language);
  if (import.meta.env.PROD) {
    const keep = () =>
      keepOffline(siteRoot(), isBusy, (now) => {
        offline = now;
        void showOffline();
      });
    if (document.readyState === 'complete') void keep();
    else addEventListener('load', keep);
  }
  return language;
}

let offline: Offline | undefined;

/** Shows in the foot what works offline. */
async function showOffline(): Promise<void> {
  if (!offline) return;
  const { offline: t } = await textsOf(root.dataset.language as Language);
  const foot = document.getElementById('offline')!;
  foot.dataset.state = offline.state;
  foot.textContent = 'why' in offline ? t[offline.state](offline.why) : t[offline.state];
  if (offline.state !== 'asking') return;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'link';
  button.textContent = t.save(SITE_MB);
  button.onclick = offline.save;
  foot.append(' ', button);
}

function isDark(): boolean {
  const { theme } = root.dataset;
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** Shows the head's texts in a language. */
async function translate(language: Language): Promise<void> {
  const { head } = await textsOf(language);
  if (root.dataset.language !== language) return;
  for (const part of document.querySelectorAll<HTMLElement>('[data-text]')) {
    part.textContent = head[part.dataset.text as keyof typeof head];
  }
  for (const part of document.querySelectorAll<HTMLElement>('[data-label]')) {
    part.setAttribute('aria-label', head[part.dataset.label as keyof typeof head]);
  }
  for (const part of document.querySelectorAll<HTMLInputElement>('[data-placeholder]')) {
    part.placeholder = head[part.dataset.placeholder as keyof typeof head];
  }
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-zh]')) {
    link.setAttribute('href', link.dataset[language]!);
  }
}
