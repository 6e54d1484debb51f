import { text } from '../state/page.js';
import { SAMPLE_ACCURACY } from '../state/sample.js';
import { Instrument } from './instrument.js';

/** A trained network to play with. */
export function StartView() {
  const t = text.value.start;
  return (
    <div class="stack">
      <Instrument />
      <p class="hint">{t.about(text.value.percent(SAMPLE_ACCURACY))}</p>
    </div>
  );
}
