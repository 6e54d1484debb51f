import { effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ownImage, takeFiles } from '../state/files.js';
import {
  chosenLayer,
  chosenPreprocessing,
  chosenSlot,
  chosenSource,
  classIndex,
  drawn,
  IMAGE_SOURCES,
  index,
  invert,
  kernels,
  layer,
  layers,
  look,
  looking,
  preprocessing,
  preprocessings,
  slot,
  source,
} from '../state/inside.js';
import { dataInfo, opened, trained } from '../state/lab.js';
import { choose, text } from '../state/page.js';
import { Card, Checkbox, FileButton, IconButton, NumberInput, SelectField } from './controls.js';
import { Drawing } from './drawing.js';
import { shape } from './format.js';
import { imageAt, Pixels, SavePixels } from './image.js';
import { ReviewCards } from './reviewCards.js';

/** Looks into the trained network, or the one opened from a file. */
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
  const names = { test: t.fromTest, draw: t.draw, own: t.own };
  return (
    <Card title={t.title} class="design">
      {trained.value && opened.value && (
        <SelectField
          label={t.which}
          value={slot.value!}
          options={[
            { value: 'trained' as const, text: t.trained },
            { value: 'opened' as const, text: opened.value.file },
          ]}
          onValue={(value) => {
            chosenSlot.value = value;
          }}
        />
      )}
      <SelectField
        label={t.image}
        value={source.value}
        options={IMAGE_SOURCES.map((value) => ({
          value,
          text: names[value],
          disabled: value === 'test' && !dataInfo.value,
        }))}
        onValue={(value) => {
          chosenSource.value = value;
          classIndex.value = undefined;
        }}
      />
      {source.value === 'test' && <FromTest />}
      {source.value === 'draw' && (
        <Drawing
          onDrawn={(pixels) => {
            drawn.value = pixels;
          }}
        />
      )}
      {source.value === 'own' && <Own />}
      <SelectField
        label={t.layer}
        value={layer.value!}
        options={layers.value.map((value) => ({ value, text: value }))}
        onValue={(value) => {
          chosenLayer.value = value;
        }}
      />
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
      <Pixels image={imageAt(set, index.value)} label={set.classNames[set.testLabels[index.value]!]!} />
      <div>
        <p>{t.isA(set.classNames[set.testLabels[index.value]!]!)}</p>
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
    </div>
  );
}

function Own() {
  const t = text.value.inside;
  return (
    <div class="own">
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
  const named = slot.value === 'opened' ? opened.value?.classNames?.[label] : undefined;
  if (named !== undefined) return named;
  if (slot.value === 'opened' && classes === 1000) return imagenet.value?.[label] ?? String(label);
  return (classes <= 10 ? dataInfo.value?.classNames[label] : undefined) ?? String(label);
}

function Answer() {
  const t = text.value.inside;
  const seen = look.value;
  const probabilities = seen?.probabilities;
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
    probabilities &&
    Array.from(probabilities, (p, i) => ({ p, i }))
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
                  <span class="name">{nameOf(i, probabilities.length)}</span>
                  <span class="probability">{text.value.percent(p)}</span>
                  <meter min={0} max={1} value={p} aria-hidden="true" />
                </button>
              </li>
            ))}
          </ol>
        )}
        {seen && !probabilities && <p class="hint">{t.noTop}</p>}
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
