import { useEffect, useRef } from 'preact/hooks';
import type { RawImage } from 'vgg-blocks/images';
import { offer } from '../state/download.js';

/** Pixels on a canvas, enlarged without smoothing to the width that there is. */
export function Pixels({
  image,
  label,
  class: style = '',
}: {
  image: RawImage;
  label: string;
  class?: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => paint(canvas.current!, image), [image]);
  return (
    <canvas
      ref={canvas}
      class={`pixels ${style}`}
      role="img"
      aria-label={label}
      width={image.width}
      height={image.height}
    />
  );
}

/** Draws 1, 3 or 4 bytes a pixel. */
function paint(canvas: HTMLCanvasElement, { data, width, height }: RawImage): void {
  const channels = data.length / (width * height);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let k = 0; k < Math.min(4, Math.max(3, channels)); k++) {
      rgba[4 * pixel + k] = data[pixel * channels + (channels === 1 ? 0 : k)]!;
    }
  }
  canvas.getContext('2d')!.putImageData(new ImageData(rgba, width, height), 0, 0);
}

/** A link that saves pixels as they are, before they are enlarged. */
export function SavePixels({ name, image }: { name: string; image: RawImage | undefined }) {
  return (
    <button
      type="button"
      class="link"
      disabled={!image}
      aria-label={`PNG: ${name}`}
      onClick={() => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image!.width, image!.height];
        paint(canvas, image!);
        canvas.toBlob((blob) => blob && offer(`${name}.png`, [blob], 'image/png'));
      }}
    >
      PNG
    </button>
  );
}

/** A picture of a data set. */
export function pictureAt(
  set: { testImages: Uint8Array; shape: readonly number[] },
  index: number,
): RawImage {
  const [height, width, channels] = set.shape as [number, number, number];
  const size = height * width * channels;
  return { data: set.testImages.subarray(index * size, (index + 1) * size), width, height };
}
