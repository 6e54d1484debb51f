import { useEffect, useRef } from 'preact/hooks';
import { camera, frameOf } from '../../state/own/camera.js';
import { addImages, imagesOf } from '../../state/own/classes.js';
import { text } from '../../state/page.js';
import { CameraView, OtherCamera } from './cameraView.js';

/** Milliseconds between two images while the button is held. */
const PAUSE = 200;

/** The camera, and a button that takes images of it for a class as long as it is held. */
export function Recorder({ of }: { of: string }) {
  const t = text.value.ownImages.camera;
  const video = useRef<HTMLVideoElement>(null);
  const held = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const isTaking = useRef(false);
  const take = async () => {
    const frame = video.current && !isTaking.current && frameOf(video.current);
    if (!frame) return;
    isTaking.current = true;
    const image = await frame.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
    const number = (imagesOf.value.get(of)?.length ?? 0) + 1;
    const name = `${text.value.ownImages.classes.taken} ${number}`;
    await addImages([{ of, file: new File([image], name, { type: image.type }) }]);
    isTaking.current = false;
  };
  const start = () => {
    if (held.current !== undefined) return;
    void take();
    held.current = setInterval(take, PAUSE);
  };
  const stop = () => {
    clearInterval(held.current);
    held.current = undefined;
  };
  useEffect(() => stop, []);
  const isOn = camera.value?.state === 'on';
  return (
    <div class="recorder">
      <CameraView video={video} />
      {isOn && (
        <div class="stack own-tight">
          <button
            type="button"
            class="button primary own-hold"
            onPointerDown={(event) => {
              if (event.button !== 0) return;
              event.currentTarget.setPointerCapture(event.pointerId);
              start();
            }}
            onPointerUp={stop}
            onPointerCancel={stop}
            onLostPointerCapture={stop}
            onContextMenu={(event) => event.preventDefault()}
            onKeyDown={(event) => {
              if (event.key !== ' ' && event.key !== 'Enter') return;
              event.preventDefault();
              if (!event.repeat) start();
            }}
            onKeyUp={stop}
            onBlur={stop}
            // What presses it without a pointer or a key, as screen readers do.
            onClick={(event) => {
              if (event.detail === 0) void take();
            }}
          >
            {t.hold}
          </button>
          <p class="hint">{t.holdHint}</p>
          <OtherCamera />
        </div>
      )}
    </div>
  );
}
