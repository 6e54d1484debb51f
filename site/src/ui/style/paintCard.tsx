import { opened, paintProgress } from '../../state/lab.js';
import { choose, text } from '../../state/page.js';
import {
  canPaint,
  chosen,
  frame,
  frames,
  isBusy,
  isPainting,
  isStopping,
  paint,
  pictures,
  type Role,
  removePicture,
  stopPainting,
  take,
  takeOwn,
  wantsOpened,
} from '../../state/style.js';
import { Card, FileButton, Remove, SelectField, useKeptFocus } from '../controls.js';
import { Pixels, SavePixels } from '../image.js';

/** Paints an image in the style of another. */
export function PaintCard() {
  const t = text.value.style;
  const buttons = useKeptFocus<HTMLDivElement>();
  return (
    <Card title={t.title}>
      <p class="hint about">
        {t.about} <a href="guide/perceptual.html#style">{t.how}</a> <code>npx vgg-blocks style</code>
      </p>
      <div class="paint">
        <fieldset class="plain" disabled={isPainting.value}>
          <Choice of="content" />
          <Choice of="style" />
          <Network />
        </fieldset>
        <div class="go" ref={buttons}>
          {isPainting.value ? (
            <button key="stop" type="button" class="button" onClick={() => void stopPainting()}>
              {t.stop}
            </button>
          ) : (
            <button
              key="start"
              type="button"
              class="button primary"
              disabled={isBusy.value}
              onClick={() => void paint()}
            >
              {frames.value.length > 0 ? t.again : t.start}
            </button>
          )}
          <Status />
        </div>
        <Easel />
      </div>
    </Card>
  );
}

/** Chooses one of the two images. */
function Choice({ of: role }: { of: Role }) {
  const t = text.value.style;
  const list = useKeptFocus<HTMLFieldSetElement>();
  return (
    <fieldset class="plain pictures" data-drop={role} ref={list}>
      <legend>{t[role]}</legend>
      {pictures.value.map((one) => (
        <div key={one.id} class="removable">
          <label>
            <input
              type="radio"
              name={role}
              class="unseen-text"
              checked={chosen[role].value === one}
              onChange={() => take(role, one)}
            />
            <img src={one.src} alt={one.file?.name ?? t.ours[one.id as keyof typeof t.ours]} />
          </label>
          {one.file && <Remove name={one.file.name} onClick={() => removePicture(one)} />}
        </div>
      ))}
      <FileButton
        accept="image/*,.heic,.bmp,.ppm"
        class="button quiet"
        onFiles={([file]) => takeOwn(role, file!)}
      >
        {t.choose}
      </FileButton>
    </fieldset>
  );
}

function Network() {
  const t = text.value.style;
  const file = opened.value?.file;
  return (
    <>
      {canPaint.value && (
        <SelectField
          label={t.network}
          value={wantsOpened.value ? 'opened' : 'small'}
          options={[
            { value: 'small', text: t.small },
            { value: 'opened', text: file! },
          ]}
          onValue={(value) => {
            wantsOpened.value = value === 'opened';
          }}
        />
      )}
      {!(canPaint.value && wantsOpened.value) && (
        <p class="hint">
          {t.random}{' '}
          {!canPaint.value && (
            <>
              {file && t.unfit(file)}{' '}
              <button type="button" class="link" onClick={() => choose({ view: 'weights' })}>
                {t.open}
              </button>
            </>
          )}
        </p>
      )}
    </>
  );
}

/** The painting, and its steps so far. */
function Easel() {
  const t = text.value.style;
  const all = frames.value;
  const { src, file, id } = chosen.content.value;
  const at = Math.min(frame.value ?? all.length, all.length);
  const shown = all[at - 1];
  return (
    <figure class="easel">
      {shown ? (
        <Pixels image={shown} label={t.painting} class="smooth" />
      ) : (
        <img src={src} alt={file?.name ?? t.ours[id as keyof typeof t.ours]} />
      )}
      {all.length > 0 && (
        <figcaption>
          <input
            type="range"
            aria-label={t.steps}
            min={0}
            max={all.length}
            value={at}
            onInput={({ currentTarget }) => {
              const to = Number(currentTarget.value);
              frame.value = to === all.length ? undefined : to;
            }}
          />
          <SavePixels name={t.painting} image={shown} />
        </figcaption>
      )}
    </figure>
  );
}

function Status() {
  const t = text.value.style;
  const now = paintProgress.value;
  if (isPainting.value) {
    return (
      <div class="progress">
        <progress max={1} value={now ? now.done / now.total : 0} aria-label={t.title} />
        <p>
          {isStopping.value ? t.stopping : now ? t.step(now.done, now.total, now.secondsLeft) : t.starting}
        </p>
      </div>
    );
  }
  const done = now && frames.value.length > 0 ? t.done(now.done, now.total) : '';
  return (
    <p class="hint" role="status">
      {isBusy.value ? text.value.ownImages.teach.busy : done}
    </p>
  );
}
