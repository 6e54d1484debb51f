import { opened, teachProgress } from '../../state/lab.js';
import { classes, images } from '../../state/own/classes.js';
import {
  type Base,
  base,
  chosenBase,
  chosenPreprocessing,
  head,
  isStale,
  isTeaching,
  missing,
  preprocessing,
  preprocessings,
  stopTeaching,
  teach,
} from '../../state/own/teach.js';
import { choose, text } from '../../state/page.js';
import { SelectField, useKeptFocus } from '../controls.js';
import { bytes, shape } from '../format.js';
import { Step } from './step.js';

/** Chooses the network to start from, and trains. */
export function TeachCard() {
  const t = text.value.ownImages.teach;
  const isReady = missing.value === undefined;
  const isDone = head.value !== undefined && !isStale.value;
  const buttons = useKeptFocus<HTMLDivElement>();
  return (
    <Step number={2} state={isDone ? 'done' : isReady ? 'now' : 'later'} title={t.title}>
      <Bases />
      <div class="own-go" ref={buttons}>
        {isTeaching.value ? (
          <button key="stop" type="button" class="button" onClick={() => void stopTeaching()}>
            {t.cancel}
          </button>
        ) : (
          <button
            key="start"
            type="button"
            class={isDone ? 'button' : 'button primary'}
            disabled={!isReady}
            aria-describedby="own-missing"
            onClick={() => void teach()}
          >
            {head.value ? t.again : t.start}
          </button>
        )}
        <Status />
      </div>
      {head.value && !isTeaching.value && <Result />}
      <p class="hint own-how">
        {t.explained} <a href="guide/transfer.html">{t.explainedMore}</a>
      </p>
    </Step>
  );
}

/** Bytes of weights beyond which a network is too much for most phones, and what features of 224 pixels take besides. */
const LARGE = 2e8;
const FEATURES_NEED = 5e8;

function Bases() {
  const t = text.value.ownImages.teach;
  const info = opened.value;
  const weights = 4 * (info?.parameters ?? 0);
  const all: { value: Base; title: string; about: string }[] = [
    { value: 'sample', title: t.bases.sample, about: t.bases.sampleAbout },
    ...(info
      ? [{ value: 'opened' as const, title: info.file, about: t.bases.openedAbout(shape(info.inputShape)) }]
      : []),
  ];
  return (
    <fieldset class="own-bases" disabled={isTeaching.value}>
      <legend>{t.base}</legend>
      {all.map(({ value, title, about }) => (
        <label key={value} class="own-base">
          <input
            type="radio"
            name="own-base"
            checked={base.value === value}
            onChange={() => {
              chosenBase.value = value;
            }}
          />
          <span>
            <strong>{title}</strong>
            <small>{about}</small>
          </span>
        </label>
      ))}
      {base.value === 'opened' ? (
        <>
          {weights > LARGE && (
            <p class="hint">{t.bases.large(bytes(weights), bytes(weights + FEATURES_NEED))}</p>
          )}
          <SelectField
            label={t.preprocessing}
            value={preprocessing.value}
            options={preprocessings.value.map((value) => ({
              value,
              text: text.value.inside.preprocessings[value],
            }))}
            onValue={(value) => {
              chosenPreprocessing.value = value;
            }}
          />
        </>
      ) : (
        !info && (
          <p class="hint">
            {t.better}{' '}
            <button type="button" class="link" onClick={() => choose({ view: 'weights' })}>
              {t.open}
            </button>
          </p>
        )
      )}
    </fieldset>
  );
}

function Status() {
  const t = text.value.ownImages.teach;
  const now = teachProgress.value;
  if (isTeaching.value) {
    const fraction = now ? now.done / now.total : 0;
    return (
      <div class="progress">
        <progress max={1} value={fraction} aria-label={t.title} />
        <p role="status">{now ? t.stages[now.stage](now.done, now.total) : t.stages.starting}</p>
      </div>
    );
  }
  const ready = head.value ? '' : t.ready(images.value.length, classes.value.length);
  return (
    <p class="hint" id="own-missing" role="status">
      {missing.value ?? ready}
    </p>
  );
}

/** Held-out images below which an accuracy says little. */
const ENOUGH = 20;

function Result() {
  const t = text.value.ownImages.teach;
  const { learned, held, seconds } = head.value!;
  const percent = text.value.percent(held.right / held.of);
  return (
    <div class={isStale.value ? 'note warn' : 'note good'} role="status">
      {isStale.value && <p>{t.stale}</p>}
      <p>
        {t.done(learned, seconds.toFixed(1))} {t.held(held.right, held.of, percent)}
      </p>
      <p class="hint">{held.of < ENOUGH ? t.heldFew : t.heldAlike}</p>
    </div>
  );
}
