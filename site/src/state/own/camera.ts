import { signal } from '@preact/signals';

/** Why there is no camera. */
export type CameraFault = 'refused' | 'none' | 'busy' | 'insecure' | 'ended' | 'other';

/** Where the camera is used: a class's id, or where the network is tried. */
export type CameraPlace = string;
export const TRYING: CameraPlace = 'try';

/** The camera: at most one, at one place. */
export const camera = signal<
  | { place: CameraPlace; state: 'asking' }
  // With the camera that comes after it, where there are several.
  | { place: CameraPlace; state: 'on'; stream: MediaStream; next?: string; isMirror: boolean }
  | { place: CameraPlace; state: 'failed'; why: CameraFault }
  | undefined
>(undefined);

let asked = 0;

/** Opens the camera at a place, or moves it there. */
export async function openCamera(place: CameraPlace, deviceId?: string): Promise<void> {
  const before = camera.value;
  if (before?.state === 'on' && !deviceId) {
    camera.value = { ...before, place };
    return;
  }
  closeCamera();
  const now = asked;
  camera.value = { place, state: 'asking' };
  const fail = (why: CameraFault) => {
    if (now === asked) camera.value = { place: camera.value?.place ?? place, state: 'failed', why };
  };
  if (!navigator.mediaDevices?.getUserMedia) {
    fail('insecure');
    return;
  }
  try {
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: 'environment' } };
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { ...which, width: { ideal: 640 }, height: { ideal: 480 } },
    });
    if (now !== asked) {
      stop(stream);
      return;
    }
    const [track] = stream.getVideoTracks();
    track!.addEventListener('ended', () => {
      closeCamera();
      camera.value = { place, state: 'failed', why: 'ended' };
    });
    const { deviceId: own, facingMode } = track!.getSettings();
    // One that looks at the visitor shows them as a mirror does.
    const isMirror = facingMode !== 'environment';
    const devices = await navigator.mediaDevices.enumerateDevices();
    const all = devices.filter(({ kind }) => kind === 'videoinput').map((device) => device.deviceId);
    const next = all.length > 1 ? all[(all.indexOf(own!) + 1) % all.length] : undefined;
    if (now === asked) camera.value = { place, state: 'on', stream, next, isMirror };
    else stop(stream);
  } catch (error) {
    fail(faultOf(error as Error));
  }
}

const FAULTS: { [name in string]?: CameraFault } = {
  NotAllowedError: 'refused',
  SecurityError: 'refused',
  NotFoundError: 'none',
  OverconstrainedError: 'none',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

function faultOf({ name }: Error): CameraFault {
  return FAULTS[name] ?? 'other';
}

/** Turns the camera off. */
export function closeCamera(): void {
  asked++;
  const before = camera.value;
  camera.value = undefined;
  if (before?.state === 'on') stop(before.stream);
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** The side of what is taken of the camera, at most. */
const SIDE = 384;

/** The square in the middle of what a video shows; undefined before its first frame. */
export function frameOf(video: HTMLVideoElement): OffscreenCanvas | undefined {
  const { videoWidth: width, videoHeight: height } = video;
  const square = Math.min(width, height);
  if (square === 0 || video.readyState < 2) return undefined;
  const side = Math.min(square, SIDE);
  const canvas = new OffscreenCanvas(side, side);
  canvas
    .getContext('2d', { willReadFrequently: true })!
    .drawImage(video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, side, side);
  return canvas;
}
