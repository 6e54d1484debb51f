import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { type CameraPlace, camera, closeCamera, openCamera } from '../../state/own/camera.js';
import { text } from '../../state/page.js';

/** What the camera sees, as the square that is used; or why there is none. */
export function CameraView({ video }: { video: RefObject<HTMLVideoElement | null> }) {
  const t = text.value.ownImages.camera;
  const now = camera.value;
  const stream = now?.state === 'on' ? now.stream : undefined;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
  }, [stream]);
  if (now?.state === 'failed') {
    return (
      <div class="note bad" role="alert">
        <p>{t.faults[now.why]}</p>
        <button type="button" class="button quiet" onClick={() => void openCamera(now.place)}>
          {t.again}
        </button>
      </div>
    );
  }
  const isMirror = now?.state === 'on' && now.isMirror;
  return (
    <div class={`square own-video ${isMirror ? 'mirror' : ''}`}>
      {stream ? (
        <video ref={video} autoplay muted playsInline aria-label={t.view} />
      ) : (
        <p role="status">{t.asking}</p>
      )}
    </div>
  );
}

/** Turns the camera on and off at a place. */
export function CameraButton({
  place,
  class: style,
  onOpen,
}: {
  place: CameraPlace;
  class: string;
  onOpen?(): void;
}) {
  const t = text.value.ownImages;
  const isHere = camera.value?.place === place;
  return (
    <button
      type="button"
      class={style}
      onClick={() => {
        if (isHere) closeCamera();
        else {
          onOpen?.();
          void openCamera(place);
        }
      }}
    >
      {isHere ? t.camera.off : t.classes.camera}
    </button>
  );
}

/** Changes to the next camera, where there are several, and from the last to the first. */
export function OtherCamera() {
  const now = camera.value;
  if (now?.state !== 'on' || !now.next) return null;
  const { place, next } = now;
  return (
    <button type="button" class="button quiet" onClick={() => void openCamera(place, next)}>
      {text.value.ownImages.camera.other}
    </button>
  );
}
