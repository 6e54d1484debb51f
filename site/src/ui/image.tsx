import { useEffect, useRef } from 'preact/hooks';
import { drawImage, type RawImage } from 'vgg-blocks/images';
import { offer } from '../state/download.js';
import { text } from '../state/page.js';

/** An image on a canvas, enlarged without smoothing to the available width; without a label, an ornament. */
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
  useEffect(() => drawImage(canvas.current!, image), [image]);
  return (
    <canvas
      ref={canvas}
      class={`pixels ${style}`}
      {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })}
      width={image.width}
      height={image.height}
    />
  );
}

/** A link that saves an image at its own size. */
export function SavePixels({ name, image }: { name: string; image: RawImage | undefined }) {
  return (
    <button
      type="button"
      class="link"
      disabled={!image}
      aria-label={`PNG: ${name}`}
      onClick={() => {
        const canvas = document.createElement('canvas');
        drawImage(canvas, image!);
        canvas.toBlob((blob) => blob && offer(`${name}.png`, [blob], 'image/png'));
      }}
    >
      PNG
    </button>
  );
}

/** What colors mean: the ends of their scale. Those of a layer's maps have a label, those of a heat map are turbo's. */
export function Legend({ ends, label }: { ends?: readonly string[]; label?: string }) {
  const [low, high] = ends ?? text.value.inside.heatScale;
  return (
    <span class="legend">
      <span>{low}</span>
      <span
        class={label ? 'ramp' : 'ramp turbo'}
        {...(label !== undefined && { role: 'img', 'aria-label': label })}
      />
      <span>{high}</span>
    </span>
  );
}

/** An image of a data set. */
export function imageAt(set: { testImages: Uint8Array; shape: readonly number[] }, index: number): RawImage {
  const [height, width, channels] = set.shape as [number, number, number];
  const size = height * width * channels;
  return { data: set.testImages.subarray(index * size, (index + 1) * size), width, height };
}
