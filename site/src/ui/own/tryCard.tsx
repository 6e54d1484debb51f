import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { report } from '../../state/lab.js';
import { answer, ask, clearTried, showHeat, tell, tried } from '../../state/own/attempt.js';
import { camera, closeCamera, frameOf, TRYING } from '../../state/own/camera.js';
import { classes } from '../../state/own/classes.js';
import { head, isStale, isThere, namesOf, ownWorker } from '../../state/own/teach.js';
import { choose, text } from '../../state/page.js';
import { Checkbox, FileButton } from '../controls.js';
import { Legend, Pixels } from '../image.js';
import { Saves } from '../saveMenu.js';
import { CameraButton, CameraView, OtherCamera } from './cameraView.js';
import { Step } from './step.js';
import { toneOf } from './tone.js';

/** Asks the trained network about the camera's picture, or an image. */
export function TryCard() {
  const t = text.value.ownImages.tryIt;
  const now = head.value;
  return (
    <Step
      number={3}
      state={now && isThere.value && !isStale.value ? 'now' : 'later'}
      title={t.title}
      drop={TRYING}
    >
      {!now ? (
        <p class="own-later">{t.waiting}</p>
      ) : isThere.value ? (
        <>
          <Subject />
          <Answers />
          <Saves network={{ slot: 'own', worker: ownWorker, title: () => 'own-images' }} />
        </>
      ) : (
        <div class="note warn">
          <p>{t.reopen(now.file!.name)}</p>
          <button type="button" class="button quiet" onClick={() => choose({ view: 'weights' })}>
            {t.toWeights}
          </button>
        </div>
      )}
    </Step>
  );
}

/** The image that is asked about. */
function Subject() {
  const t = text.value.ownImages.tryIt;
  const video = useRef<HTMLVideoElement>(null);
  const isFilming = camera.value?.place === TRYING;
  const stream = camera.value?.state === 'on' ? camera.value.stream : undefined;
  useLive(video, isFilming ? stream : undefined);
  const file = tried.value;
  const heat = showHeat.value;
  const id = head.value?.id;
  useEffect(() => {
    if (file && !isFilming) void tell(file);
  }, [file, heat, id, isFilming]);
  const shown = answer.value?.head === id ? answer.value : undefined;
  return (
    <div class="own-subject">
      <div class="own-stage">
        {isFilming ? (
          <CameraView video={video} />
        ) : file ? (
          <Picture file={file} />
        ) : (
          <div class="square own-nothing">
            <p>{t.empty}</p>
          </div>
        )}
        {heat && shown?.heat && (isFilming || file) && (
          <div class="own-heat">
            <Pixels image={shown.heat} label={t.image} class="smooth" />
          </div>
        )}
      </div>
      <div class="row">
        <CameraButton place={TRYING} class={isFilming ? 'button' : 'button primary'} onOpen={clearTried} />
        <FileButton
          accept="image/*,.heic,.bmp,.ppm"
          class="button"
          onFiles={([given]) => {
            closeCamera();
            tried.value = given;
          }}
        >
          {t.choose}
        </FileButton>
        {isFilming && <OtherCamera />}
      </div>
      <Checkbox
        checked={heat}
        onValue={(on) => {
          showHeat.value = on;
        }}
      >
        {t.heat}
      </Checkbox>
      {heat && shown?.heat && <Legend />}
    </div>
  );
}

function Picture({ file }: { file: File }) {
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <div class="square">
      <img class="own-picture" src={url} alt={file.name} />
    </div>
  );
}

/** Milliseconds from one answer to the next question, at least. */
const REST = 60;

/** Asks about the camera's picture, again and again. */
function useLive(video: { current: HTMLVideoElement | null }, stream: MediaStream | undefined): void {
  const id = head.value?.id;
  useEffect(() => {
    if (!stream) return;
    let on = true;
    const go = async () => {
      while (on) {
        const frame = video.current && !document.hidden ? frameOf(video.current) : undefined;
        if (frame) {
          const { width, height } = frame;
          await ask(frame.getContext('2d')!.getImageData(0, 0, width, height));
        }
        await new Promise((resolve) => setTimeout(resolve, REST));
      }
    };
    go().catch((error) => {
      closeCamera();
      report(error);
    });
    return () => {
      on = false;
    };
  }, [stream, id]);
}

/** A bar for each class. */
function Answers() {
  const t = text.value.ownImages.tryIt;
  const now = head.value!;
  const found = answer.value?.head === now.id ? answer.value.probabilities : undefined;
  const names = namesOf(now);
  const best = found?.indexOf(Math.max(...found));
  const said = useSteady(best === undefined ? '' : names[best]!);
  return (
    <div class="own-answers">
      <h3>{t.answers}</h3>
      <span class="unseen-text" role="status">
        {said}
      </span>
      <ol>
        {now.classes.map(({ id }, i) => {
          const place = classes.value.findIndex((one) => one.id === id);
          const p = found?.[i];
          return (
            <li key={id} class={`${toneOf(place < 0 ? i : place)} ${i === best ? 'best' : ''}`}>
              <span class="name">{names[i]}</span>
              <span class="probability">{p === undefined ? '' : text.value.percent(p)}</span>
              <meter min={0} max={1} value={p ?? 0} aria-hidden="true" />
            </li>
          );
        })}
      </ol>
      <p class="hint">{t.always}</p>
    </div>
  );
}

/** A text once it has not changed for a second, so that a screen reader does not speak without end. */
function useSteady(now: string): string {
  const [steady, setSteady] = useState(now);
  useEffect(() => {
    const timer = setTimeout(() => setSteady(now), 1000);
    return () => clearTimeout(timer);
  }, [now]);
  return steady;
}
