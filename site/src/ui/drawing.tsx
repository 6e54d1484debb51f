import { useEffect, useRef } from 'preact/hooks';
import type { RawImage } from 'vgg-blocks/images';
import { text } from '../state/page.js';

const SIDE = 280;
const PEN = 26;

/** A square to draw on, light on black. */
export function Drawing({ onDrawn }: { onDrawn(pixels: RawImage): void }) {
  const t = text.value.inside;
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<{ x: number; y: number } | undefined>(undefined);
  const context = () => canvas.current!.getContext('2d', { willReadFrequently: true })!;
  const give = () => onDrawn(context().getImageData(0, 0, SIDE, SIDE));
  const clear = () => {
    context().fillStyle = '#000';
    context().fillRect(0, 0, SIDE, SIDE);
    give();
  };
  useEffect(clear, []);
  const position = (event: PointerEvent) => {
    const { left, top, width } = canvas.current!.getBoundingClientRect();
    const scale = SIDE / width;
    return { x: (event.clientX - left) * scale, y: (event.clientY - top) * scale };
  };
  const draw = (event: PointerEvent) => {
    if (!last.current) return;
    const to = position(event);
    const pen = context();
    Object.assign(pen, { lineWidth: PEN, lineCap: 'round', strokeStyle: '#e6e6e6' });
    pen.beginPath();
    pen.moveTo(last.current.x, last.current.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    last.current = to;
  };
  return (
    <div class="drawing">
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={t.drawLabel}
        onPointerDown={(event) => {
          canvas.current!.setPointerCapture(event.pointerId);
          last.current = position(event);
          draw(event);
        }}
        onPointerMove={draw}
        onPointerUp={() => {
          last.current = undefined;
          give();
        }}
      />
      <p class="hint">{t.drawHint}</p>
      <button type="button" class="button" onClick={clear}>
        {t.clear}
      </button>
    </div>
  );
}
