import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { RawImage } from 'vgg-blocks/images';
import { ownImage, takeFiles } from '../state/files.js';
import {
  chosenPreprocessing,
  chosenSource,
  chosenStage,
  classIndex,
  drawn,
  fromFile,
  garment,
  HEAT_METHODS,
  heat,
  heatClass,
  index,
  invert,
  look,
  looking,
  method,
  preprocessing,
  preprocessings,
  slot,
  source,
  sources,
  testSet,
} from '../state/inside.js';
import { trained } from '../state/lab.js';
import { text } from '../state/page.js';
import { drawGarments, garments, SAMPLE_ACCURACY } from '../state/sample.js';
import type { Look } from '../worker/main.js';
import { CloseUp } from './closeUp.js';
import { Checkbox, FileButton, IconButton, SelectField } from './controls.js';
import { Drawing } from './drawing.js';
import { imageAt, Pixels, SavePixels } from './image.js';
import { NumberInput } from './numberInput.js';
import { Strip } from './strip.js';

/** A network at work: the image, its layers with what they compute, and the answer. */
export function Instrument() {
  const t = text.value.inside;
  const seen = look.value;
  return (
    <div class="instrument" aria-busy={looking.value}>
      <div class="card image-card">
        <Image />
      </div>
      <div class="card answer-card">
        <Answer />
      </div>
      <div class="card strip-card">
        {seen ? (
          <>
            <Strip
              stages={seen.stages}
              chosen={seen.chosen}
              onChoose={(i) => {
                chosenStage.value = seen.stages[i]!.name;
              }}
            />
            <p class="hint strip-legend">{text.value.strip.legend}</p>
          </>
        ) : (
          <p class="hint waiting">
            {source.value === 'draw' && !drawn.value ? text.value.inside.drawFirst : t.loading}
          </p>
        )}
      </div>
      {seen ? (
        <CloseUp {...seen} image={asMaps(seen)} still={source.value === 'draw'} />
      ) : (
        <div class="close-up card" />
      )}
    </div>
  );
}

/** The image as maps of one channel, for frames around parts of it. */
function asMaps({ shown: { data, width, height } }: Look) {
  const gray = new Float32Array(width * height);
  for (let i = 0; i < gray.length; i++) gray[i] = (data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 765;
  return { data: gray, width, height, channels: 1 };
}

/** Where the image comes from, and the image. */
function Image() {
  const t = text.value.inside;
  return (
    <>
      {slot.value === 'sample' ? (
        <Pad />
      ) : (
        <>
          <Sources />
          {source.value === 'test' && <FromTest />}
          {source.value === 'draw' && <Drawing onDrawn={take} />}
          {source.value === 'own' && <Own />}
        </>
      )}
      {source.value !== 'test' && slot.value !== 'sample' && (
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

function take(pixels: RawImage | undefined): void {
  drawn.value = pixels;
  if (pixels) chosenSource.value = 'draw';
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

/** A pad to draw on, which shows one of the page's garments until somebody draws. */
function Pad() {
  const t = text.value.inside;
  const names = text.value.garmentNames;
  const shown = source.value === 'garment' ? garments.value[garment.value] : undefined;
  return (
    <>
      <div class="pad">
        <Drawing onDrawn={take} />
        {shown && (
          <div class="over">
            <Pixels image={shown.pixels} label={names[shown.kind]!} />
            <span>{t.drawHere}</span>
          </div>
        )}
      </div>
      <div class="samples">
        {garments.value.map(({ kind, pixels }, i) => (
          <button
            key={kind}
            type="button"
            aria-label={names[kind]}
            aria-pressed={source.value === 'garment' && i === garment.value}
            onClick={() => {
              garment.value = i;
              chosenSource.value = 'garment';
              classIndex.value = undefined;
            }}
          >
            <Pixels image={pixels} label="" />
          </button>
        ))}
      </div>
      <button
        type="button"
        class="link"
        onClick={() => drawGarments(garments.value.map(() => Math.floor(Math.random() * 2 ** 31)))}
      >
        {t.others}
      </button>
      <p class="hint">{text.value.start.about(text.value.percent(SAMPLE_ACCURACY))}</p>
    </>
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

/** ImageNet's labels, once they are needed. */
const imagenet = signal<readonly string[] | undefined>(undefined);

function nameOf(label: number, classes: number): string {
  if (slot.value === 'sample') return text.value.garmentNames[label]!;
  const named = fromFile.value?.classNames?.[label];
  if (named !== undefined) return text.value.className(named);
  if (slot.value === 'opened' && classes === 1000) return imagenet.value?.[label] ?? String(label);
  const trainedOn = slot.value === 'trained' ? trained.value?.classNames?.[label] : undefined;
  return trainedOn === undefined ? String(label) : text.value.className(trainedOn);
}

/** Classes listed, at most. */
const LISTED = 5;

/** What the network takes the image for, and where it sees that. */
function Answer() {
  const t = text.value.inside;
  const seen = look.value;
  const probabilities = seen?.probabilities;
  useEffect(
    () =>
      effect(() => {
        if (slot.value !== 'opened' || fromFile.value?.classes !== 1000 || imagenet.value) return;
        void import('vgg-blocks/imagenet').then(({ LABELS }) => {
          imagenet.value = LABELS;
        });
      }),
    [],
  );
  const best =
    probabilities &&
    Array.from(probabilities, (p, i) => ({ p, i }))
      .sort((a, b) => b.p - a.p)
      .slice(0, LISTED);
  return (
    <>
      <h2>{t.guesses}</h2>
      <ol class="guesses" aria-live="polite">
        {(best ?? []).map(({ p, i }) => (
          <li key={i}>
            <button
              type="button"
              aria-pressed={heatClass.value === i}
              onClick={() => {
                classIndex.value = i;
              }}
            >
              <span class="name">{nameOf(i, probabilities!.length)}</span>
              <span class="probability">{text.value.percent(p)}</span>
              <meter min={0} max={1} value={p} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ol>
      {seen && !probabilities && <p class="hint">{t.noTop}</p>}
      {best && (
        <div class="heat">
          <SelectField
            label={t.heat}
            value={method.value}
            options={HEAT_METHODS.map((value) => ({ value, text: t.methods[value] }))}
            onValue={(value) => {
              method.value = value;
            }}
          />
          <div class="square">
            {heat.value && <Pixels image={heat.value.image} label={t.heat} class="smooth" />}
          </div>
          <SavePixels name={t.methods[method.value]} image={heat.value?.image} />
        </div>
      )}
    </>
  );
}
