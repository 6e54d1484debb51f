import { VIEWS, type View } from '../state/choice.js';
import { choose, text } from '../state/page.js';
import type { Text } from '../text/en.js';

/** What a card means in one sentence, with the section of the guide to the chapter. */
export function About({
  text: sentence,
  section,
}: {
  text: string;
  section: keyof Text['path']['sections'];
}) {
  const t = text.value.path;
  return (
    <p class="hint about">
      {sentence} <a href={t.sections[section]}>{t.chapter}</a>
    </p>
  );
}

/** What to do next, at the end of each view. */
export function Next({ view }: { view: View }) {
  const t = text.value.path;
  const next = VIEWS[VIEWS.indexOf(view) + 1];
  if (!next) return null;
  return (
    <nav class="next" aria-label={t.label}>
      <p>{t.done[view]}</p>
      <button type="button" class="button primary" onClick={() => choose({ view: next })}>
        {t.next[next]} →
      </button>
    </nav>
  );
}
