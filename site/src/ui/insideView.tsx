import { opened, trained } from '../state/lab.js';
import { chosenSlot, slot } from '../state/looked.js';
import { choose, text } from '../state/page.js';
import { SelectField } from './controls.js';
import { ImageSources } from './imageSources.js';
import { Instrument } from './instrument.js';
import { Pad } from './pad.js';
import { ReviewCards } from './reviewCards.js';

/** Looks into the trained network, or the one opened from a file. */
export function InsideView() {
  return (
    <div class="stack">
      {slot.value === 'sample' && <Nothing />}
      {trained.value && opened.value && <Which />}
      <Instrument>{slot.value === 'sample' ? <Pad /> : <ImageSources />}</Instrument>
      <ReviewCards />
    </div>
  );
}

function Nothing() {
  const t = text.value.inside;
  return (
    <div class="note">
      <p>
        <strong>{t.emptyTitle}</strong> {t.empty}
      </p>
      <div class="row">
        <button type="button" class="button primary" onClick={() => choose({ view: 'train' })}>
          {t.toTrain}
        </button>
        <button type="button" class="button" onClick={() => choose({ view: 'weights' })}>
          {t.toWeights}
        </button>
      </div>
    </div>
  );
}

function Which() {
  const t = text.value.inside;
  return (
    <SelectField
      label={t.which}
      value={slot.value === 'opened' ? 'opened' : 'trained'}
      options={[
        { value: 'trained' as const, text: t.trained },
        { value: 'opened' as const, text: opened.value!.file },
      ]}
      onValue={(value) => {
        chosenSlot.value = value;
      }}
    />
  );
}
