import { effect, signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { ownImage } from '../state/files.js';
import { drawn, penDown, source } from '../state/imageChoice.js';
import {
  chosenStage,
  classIndex,
  HEAT_METHODS,
  heat,
  heatClass,
  look,
  looking,
  method,
} from '../state/inside.js';
import { trained } from '../state/lab.js';
import { fromFile, slot } from '../state/looked.js';
import { text } from '../state/page.js';
import { SAMPLE_ACCURACY } from '../state/sample.js';
import type { Look } from '../worker/messages.js';
import { SelectField } from './controls.js';
import { Legend, Pixels, SavePixels } from './image.js';
import { Strip, StripLegend } from './strip.js';

/** Loaded with the first answer, which the first paint does not wait for. */
const closeUp = signal<typeof import('./closeUp.js').CloseUp | undefined>(undefined);

/** A network at work: the image, its layers with what they compute, and the answer. */
export function Instrument({ children }: { children: ComponentChildren }) {
  const t = text.value.inside;
  const seen = look.value;
  const CloseUp = closeUp.value;
  const missing =
    source.value === 'draw'
      ? !drawn.value && t.drawFirst
      : source.value === 'own' && !ownImage.value && t.ownFirst;
  const about = slot.value === 'sample' && text.value.start.about(text.value.percent(SAMPLE_ACCURACY));
  useEffect(() => {
    void import('./closeUp.js').then((loaded) => {
      closeUp.value = loaded.CloseUp;
    });
  }, []);
  return (
    <div class="instrument" aria-busy={looking.value}>
      <div class="card image-card">{children}</div>
      <div class="card answer-card">
        <Answer />
        {about && <p class="hint provenance">{about}</p>}
      </div>
      {seen?.probabilities && (
        <div class="card heat-card">
          <Heat />
        </div>
      )}
      <div class="card strip-card">
        {seen ? (
          <>
            <Strip
              stages={seen.stages}
              chosen={seen.chosen}
              onChoose={(i) => {
                chosenStage.value = seen.stages[i]!.name;
                showCloseUp();
              }}
            />
            <StripLegend>
              {text.value.strip.choose} {text.value.strip.dark} <span class="provenance">{about}</span>
            </StripLegend>
          </>
        ) : (
          <p class="hint waiting">{missing || t.loading}</p>
        )}
      </div>
      {seen && CloseUp ? (
        <CloseUp
          {...seen}
          image={asMaps(seen)}
          still={penDown.value}
          classOf={seen.probabilities && ((unit) => nameOf(unit, seen.probabilities!.length))}
        />
      ) : (
        !missing && <div class="close-up card" />
      )}
    </div>
  );
}

/** Pixels of the close-up that are enough to notice it. */
const NOTICED = 120;

/** Scrolls to the layer that was chosen, where it lies below the window. */
function showCloseUp(): void {
  const part = document.querySelector('.close-up')!;
  if (part.getBoundingClientRect().top < innerHeight - NOTICED) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  part.scrollIntoView({ block: 'nearest', behavior: still ? 'auto' : 'smooth' });
}

/** The image as maps of one channel, for frames around parts of it. */
function asMaps({ shown: { data, width, height } }: Look) {
  const gray = new Float32Array(width * height);
  for (let i = 0; i < gray.length; i++) gray[i] = (data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 765;
  return { data: gray, width, height, channels: 1 };
}

/** ImageNet's labels, and the names of its classes in the page's language, once they are needed. */
const imagenet = signal<{ labels: readonly string[]; names: readonly string[] } | undefined>(undefined);

/** What the network calls a class: what its file says, or its images; 1000 classes are ImageNet's. */
function labelOf(index: number, classes: number): string | undefined {
  if (slot.value === 'trained') return trained.value?.classNames?.[index];
  return (
    fromFile.value?.classNames?.[index] ?? (classes === 1000 ? imagenet.value?.labels[index] : undefined)
  );
}

/** What the page calls it. */
function nameOf(index: number, classes: number): string {
  if (slot.value === 'sample') return text.value.garmentNames[index]!;
  const label = labelOf(index, classes);
  if (label === undefined) return String(index);
  const known = classes === 1000 ? imagenet.value : undefined;
  return known?.names[known.labels.indexOf(label)] ?? text.value.className(label);
}

/** Classes listed, at most. */
const LISTED = 5;

/** What the network takes the image for. */
function Answer() {
  const t = text.value.inside;
  const seen = look.value;
  const probabilities = seen?.probabilities;
  useEffect(
    () =>
      effect(() => {
        if (look.value?.probabilities?.length !== 1000) return;
        const now = text.value;
        // Each is destructured at once, by which the bundler knows that nothing else of it is needed.
        const labels = import('vgg-blocks/imagenet').then(({ LABELS }) => LABELS);
        const names =
          document.documentElement.dataset.language === 'zh'
            ? import('../text/imagenetZh.js').then(({ IMAGENET_ZH }) => IMAGENET_ZH)
            : labels;
        void Promise.all([labels, names]).then(([labels, names]) => {
          if (text.value === now) imagenet.value = { labels, names };
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
        {(best ?? []).map(({ p, i }) => {
          const name = nameOf(i, probabilities!.length);
          const label = labelOf(i, probabilities!.length);
          return (
            <li key={i}>
              <button
                type="button"
                aria-pressed={heatClass.value === i}
                onClick={() => {
                  classIndex.value = i;
                }}
              >
                <span class="name">
                  {name}
                  {label !== name && probabilities!.length === 1000 && <small lang="en"> {label}</small>}
                </span>
                <span class="probability">{text.value.percent(p)}</span>
                <meter min={0} max={1} value={p} aria-hidden="true" />
              </button>
            </li>
          );
        })}
      </ol>
      {seen && !probabilities && <p class="hint">{t.noTop}</p>}
    </>
  );
}

/** Which parts of the image speak for the class. */
function Heat() {
  const t = text.value.inside;
  return (
    <>
      <SelectField
        label={t.heat}
        value={method.value}
        options={HEAT_METHODS.map((value) => ({ value, text: t.methods[value] }))}
        onValue={(value) => {
          method.value = value;
        }}
      />
      <p class="hint" data-method={method.value}>
        {t.methodAbout[method.value]}
      </p>
      <div class="square">
        {heat.value && <Pixels image={heat.value.image} label={t.heat} class="smooth" />}
      </div>
      <Legend />
      <SavePixels name={t.methods[method.value]} image={heat.value?.image} />
    </>
  );
}
