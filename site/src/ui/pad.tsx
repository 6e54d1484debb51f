import type { RawImage } from 'vgg-blocks/images';
import { chosenSource, drawn, filling, garment, source } from '../state/imageChoice.js';
import { classIndex } from '../state/inside.js';
import { text } from '../state/page.js';
import { drawGarments, garments } from '../state/sample.js';
import { Drawing } from './drawing.js';
import { Pixels } from './image.js';

/** Makes what was drawn the image. */
export function takeDrawing(pixels: RawImage | undefined): void {
  drawn.value = pixels;
  if (pixels) chosenSource.value = 'draw';
}

/** A pad to draw on, which shows one of the page's garments until somebody draws. */
export function Pad() {
  const t = text.value.inside;
  const names = text.value.garmentNames;
  const shown = source.value === 'garment' ? garments.value[garment.value] : undefined;
  return (
    <>
      <div class="pad">
        <Drawing onDrawn={takeDrawing} />
        {shown && (
          <div class="over">
            <Pixels image={shown.pixels} label={names[shown.kind]!} />
            <span>{t.drawHere}</span>
          </div>
        )}
        {source.value === 'draw' && filling.value?.isSeen && <span class="filled">{t.filled}</span>}
      </div>
      <div class="samples">
        {garments.value.map(({ kind, pixels }, i) => (
          <button
            key={kind}
            type="button"
            aria-label={names[kind]}
            aria-pressed={source.value === 'garment' && i === garment.value}
            onClick={() => {
              garment.value = i;
              chosenSource.value = 'garment';
              classIndex.value = undefined;
            }}
          >
            <Pixels image={pixels} label="" />
          </button>
        ))}
      </div>
      <button
        type="button"
        class="link"
        onClick={() => drawGarments(garments.value.map(() => Math.floor(Math.random() * 2 ** 31)))}
      >
        {t.others}
      </button>
    </>
  );
}
