import { VIEWS, type View } from '../state/choice.js';
import { choose, text } from '../state/page.js';

/** What a card means in one sentence, with the section of the guide to the chapter. */
export function About({ text: sentence, section }: { text: string; section: string }) {
  return (
    <p class="hint about">
      {sentence} <a href={`guide/chapter.html#${section}`}>{text.value.path.chapter}</a>
    </p>
  );
}

/** What to do next, at the end of each view. */
export function Next({ view }: { view: View }) {
  const t = text.value.path;
  const next = VIEWS[VIEWS.indexOf(view) + 1];
  return (
    <nav class="next" aria-label={t.label}>
      <p>{t.done[view]}</p>
      {next ? (
        <button type="button" class="button primary" onClick={() => choose({ view: next })}>
          {t.next[next]} →
        </button>
      ) : (
        <p class="more">
          {Object.entries(MORE).map(([name, to]) => (
            <a key={name} href={to}>
              {t.more[name as keyof typeof MORE]}
            </a>
          ))}
        </p>
      )}
    </nav>
  );
}

/** What the library does beyond the playground. */
const MORE = {
  app: 'guide/into-your-app.html',
  transfer: 'guide/transfer.html',
  style: 'guide/perceptual.html#style',
  lpips: 'guide/perceptual.html#lpips',
  explain: 'guide/gallery.html',
} as const;
