import { ownImage, takeFiles } from '../state/files.js';
import {
  chosenPreprocessing,
  chosenSource,
  index,
  invert,
  preprocessing,
  preprocessings,
  source,
  sources,
} from '../state/imageChoice.js';
import { classIndex, look } from '../state/inside.js';
import { testSet } from '../state/looked.js';
import { text } from '../state/page.js';
import { Checkbox, FileButton, IconButton, SelectField } from './controls.js';
import { Drawing } from './drawing.js';
import { imageAt, Pixels } from './image.js';
import { NumberInput } from './numberInput.js';
import { takeDrawing } from './pad.js';

/** Where the image comes from, and the image. */
export function ImageSources() {
  const t = text.value.inside;
  return (
    <>
      <Sources />
      {source.value === 'test' && <FromTest />}
      {source.value === 'draw' && <Drawing onDrawn={takeDrawing} />}
      {source.value === 'own' && <Own />}
      {source.value !== 'test' && (
        <SelectField
          label={t.preprocessing}
          value={preprocessing.value}
          options={preprocessings.value.map((value) => ({ value, text: t.preprocessings[value] }))}
          onValue={(value) => {
            chosenPreprocessing.value = value;
          }}
        />
      )}
    </>
  );
}

function Sources() {
  const t = text.value.inside;
  const names = { garment: '', test: t.fromTest, draw: t.draw, own: t.own };
  return (
    <fieldset class="sources">
      <legend class="unseen-text">{t.image}</legend>
      {sources.value.map((one) => (
        <button
          key={one}
          type="button"
          class="chip"
          aria-pressed={one === source.value}
          onClick={() => {
            chosenSource.value = one;
            classIndex.value = undefined;
          }}
        >
          {names[one]}
        </button>
      ))}
    </fieldset>
  );
}

function FromTest() {
  const t = text.value.inside;
  const set = testSet.value!;
  const go = (to: number) => {
    index.value = Math.min(set.test - 1, Math.max(0, to));
    classIndex.value = undefined;
  };
  const name = text.value.className(set.classNames[set.testLabels[index.value]!]!);
  return (
    <div class="from-test">
      <div class="square">
        <Pixels image={imageAt(set, index.value)} label={name} />
      </div>
      <p>{t.isA(name)}</p>
      <div class="row">
        <IconButton
          icon="previous"
          label={t.previous}
          disabled={index.value === 0}
          onClick={() => go(index.value - 1)}
        />
        <NumberInput label={t.number} value={index.value} min={0} max={set.test - 1} onValue={go} />
        <IconButton
          icon="next"
          label={t.next}
          disabled={index.value === set.test - 1}
          onClick={() => go(index.value + 1)}
        />
      </div>
    </div>
  );
}

function Own() {
  const t = text.value.inside;
  return (
    <div class="own">
      {look.value && ownImage.value && (
        <div class="square">
          <Pixels image={look.value.shown} label={t.sees} />
        </div>
      )}
      <FileButton accept="image/*" onFiles={takeFiles}>
        {t.chooseImage}
      </FileButton>
      <p class="hint">{t.dropHint}</p>
      {ownImage.value && (
        <Checkbox
          checked={invert.value}
          onValue={(value) => {
            invert.value = value;
          }}
        >
          {t.invert}
        </Checkbox>
      )}
    </div>
  );
}
