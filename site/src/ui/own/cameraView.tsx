import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { camera, closeCamera, openCamera } from '../../state/own/camera.js';
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
        <div class="row">
          <button type="button" class="button quiet" onClick={() => void openCamera(now.place)}>
            {t.again}
          </button>
          <button type="button" class="button quiet" onClick={closeCamera}>
            {t.off}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div class="square own-video">
      {stream ? (
        <video ref={video} autoplay muted playsInline aria-label={t.view} />
      ) : (
        <p role="status">{t.asking}</p>
      )}
    </div>
  );
}

/** Turns the camera off, or to another one where there are several. */
export function CameraTools({ onClose, onOther }: { onClose(): void; onOther(deviceId: string): void }) {
  const t = text.value.ownImages.camera;
  const now = camera.value;
  if (now?.state !== 'on') return null;
  const [next] = now.others;
  return (
    <div class="row">
      <button type="button" class="button quiet" onClick={onClose}>
        {t.off}
      </button>
      {next && (
        <button type="button" class="button quiet" onClick={() => onOther(next)}>
          {t.other}
        </button>
      )}
    </div>
  );
}
