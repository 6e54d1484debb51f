import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { picture, takeFiles } from '../state/files.js';
import {
  chosenLayer,
  chosenRecipe,
  chosenSlot,
  classIndex,
  drawn,
  index,
  invert,
  kernels,
  kind,
  layer,
  layers,
  look,
  looking,
  PICTURE_KINDS,
  recipe,
  slot,
  source,
} from '../state/inside.js';
import { dataInfo, opened, trained } from '../state/lab.js';
import { choose, text } from '../state/page.js';
import { RECIPES } from '../state/recipes.js';
import { Card, Checkbox, Field, FileButton, NumberInput, Select } from './controls.js';
import { Drawing } from './drawing.js';
import { shape } from './format.js';
import { Pixels, pictureAt, SavePixels } from './picture.js';
import { ReviewCards } from './reviewCards.js';

/** Looks into the trained network, or into the one of a file. */
export function InsideView() {
  if (!slot.value) return <Nothing />;
  return (
    <div class="columns">
      <Settings />
      <div class="stack">
        <div class={`stack ${looking.value ? 'busy' : ''}`} aria-busy={looking.value}>
          <Answer />
          <Features />
        </div>
        <ReviewCards>
          <Kernels />
        </ReviewCards>
      </div>
    </div>
  );
}

function Nothing() {
  const t = text.value.inside;
  return (
    <div class="empty page">
      <strong>{t.emptyTitle}</strong>
      <p>{t.empty}</p>
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

function Settings() {
  const t = text.value.inside;
  const names = { test: t.fromTest, draw: t.draw, own: t.drop };
  return (
    <Card title={t.title} class="design">
      {trained.value && opened.value && (
        <Field label={t.which}>
          {(id) => (
            <Select
              id={id}
              value={slot.value!}
              options={[
                { value: 'trained' as const, text: t.trained },
                { value: 'opened' as const, text: t.opened(opened.value!.file) },
              ]}
              onValue={(value) => {
                chosenSlot.value = value;
              }}
            />
          )}
        </Field>
      )}
      <Field label={t.picture}>
        {(id) => (
          <Select
            id={id}
            value={source.value}
            options={PICTURE_KINDS.map((value) => ({
              value,
              text: names[value],
              disabled: value === 'test' && !dataInfo.value,
            }))}
            onValue={(value) => {
              kind.value = value;
              classIndex.value = undefined;
            }}
          />
        )}
      </Field>
      {source.value === 'test' && <FromTest />}
      {source.value === 'draw' && (
        <Drawing
          onDrawn={(pixels) => {
            drawn.value = pixels;
          }}
        />
      )}
      {source.value === 'own' && <Own />}
      <Field label={t.layer}>
        {(id) => (
          <Select
            id={id}
            value={layer.value!}
            options={layers.value.map((value) => ({ value, text: value }))}
            onValue={(value) => {
              chosenLayer.value = value;
            }}
          />
        )}
      </Field>
      {source.value !== 'test' && (
        <Field label={t.recipe}>
          {(id) => (
            <Select
              id={id}
              value={recipe.value}
              options={RECIPES.map((value) => ({ value, text: t.recipes[value] }))}
              onValue={(value) => {
                chosenRecipe.value = value;
              }}
            />
          )}
        </Field>
      )}
    </Card>
  );
}

function FromTest() {
  const t = text.value.inside;
  const set = dataInfo.value!;
  const go = (to: number) => {
    index.value = Math.min(set.test - 1, Math.max(0, to));
    classIndex.value = undefined;
  };
  return (
    <div class="from-test">
      <Pixels image={pictureAt(set, index.value)} label={set.classNames[set.testLabels[index.value]!]!} />
      <div>
        <p>{t.isA(set.classNames[set.testLabels[index.value]!]!)}</p>
        <div class="row">
          <button
            type="button"
            class="icon"
            aria-label={t.previous}
            disabled={index.value === 0}
            onClick={() => go(index.value - 1)}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M10 3L5 8l5 5" />
            </svg>
          </button>
          <NumberInput label={t.number} value={index.value} least={0} most={set.test - 1} onValue={go} />
          <button
            type="button"
            class="icon"
            aria-label={t.next}
            disabled={index.value === set.test - 1}
            onClick={() => go(index.value + 1)}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M6 3l5 5-5 5" />
            </svg>
          </button>
        </div>
      </div>
    </div>
  );
}

function Own() {
  const t = text.value.inside;
  return (
    <div class="own">
      <FileButton accept="image/*" onFiles={takeFiles}>
        {t.choosePicture}
      </FileButton>
      <p class="hint">{t.dropHint}</p>
      {picture.value && (
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

/** ImageNet's names, once somebody needs them. */
const imagenet = signal<readonly string[] | undefined>(undefined);

/** What a class is called. */
function nameOf(label: number, classes: number): string {
  if (slot.value === 'opened' && classes === 1000) return imagenet.value?.[label] ?? String(label);
  return (classes <= 10 ? dataInfo.value?.classNames[label] : undefined) ?? String(label);
}

function Answer() {
  const t = text.value.inside;
  const seen = look.value;
  const sure = seen?.probabilities;
  useEffect(
    () =>
      effect(() => {
        if (slot.value !== 'opened' || opened.value?.classes !== 1000 || imagenet.value) return;
        void import('vgg-blocks/imagenet').then(({ LABELS }) => {
          imagenet.value = LABELS;
        });
      }),
    [],
  );
  const best =
    sure &&
    Array.from(sure, (p, i) => ({ p, i }))
      .sort((a, b) => b.p - a.p)
      .slice(0, 5);
  return (
    <div class="answer">
      <Card title={t.sees}>
        <div class="square">{seen && <Pixels image={seen.shown} label={t.sees} />}</div>
        <p class="hint">{seen && shape([seen.shown.height, seen.shown.width])}</p>
      </Card>
      <Card title={t.heat} aside={<SavePixels name="grad-cam" image={seen?.heat?.image} />}>
        <div class="square">
          {seen?.heat && <Pixels image={seen.heat.image} label={t.heat} class="smooth" />}
        </div>
        <p class="hint">{seen?.heat && t.heatBy(seen.heat.layer)}</p>
      </Card>
      <Card title={t.guesses}>
        {best && (
          <ol class="guesses">
            {best.map(({ p, i }) => (
              <li key={i}>
                <button
                  type="button"
                  aria-pressed={(classIndex.value ?? best[0]!.i) === i}
                  onClick={() => {
                    classIndex.value = i;
                  }}
                >
                  <span class="name">{nameOf(i, sure.length)}</span>
                  <span class="share">{text.value.percent(p)}</span>
                  <meter min={0} max={1} value={p} aria-hidden="true" />
                </button>
              </li>
            ))}
          </ol>
        )}
        {seen && !sure && <p class="hint">{t.noTop}</p>}
        {!seen && <p class="hint">{looking.value ? t.working : ''}</p>}
      </Card>
    </div>
  );
}

function Features() {
  const t = text.value.inside;
  const features = look.value?.features;
  return (
    <Card
      title={t.features(layer.value ?? '')}
      class="features"
      aside={<SavePixels name={`features-${layer.value}`} image={features?.image} />}
    >
      <div class="maps">
        {features && <Pixels image={features.image} label={t.features(layer.value ?? '')} />}
      </div>
      <p class="hint">
        {features
          ? t.featuresNote(features.maps, features.shape[2]!, shape(features.shape.slice(0, 2)))
          : looking.value
            ? t.working
            : ''}
      </p>
    </Card>
  );
}

function Kernels() {
  const t = text.value.inside;
  return (
    <Card title={t.kernels} class="kernels" aside={<SavePixels name="kernels" image={kernels.value} />}>
      <div class="maps small">{kernels.value && <Pixels image={kernels.value} label={t.kernels} />}</div>
      <p class="hint">{t.kernelsNote}</p>
    </Card>
  );
}
