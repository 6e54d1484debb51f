import { useEffect, useRef } from 'preact/hooks';
import { drawImage, type RawImage } from 'vgg-blocks/images';
import { drawn, penDown } from '../state/imageChoice.js';
import { text } from '../state/page.js';

const SIDE = 280;
const PEN = 26;

/**
 * A square to draw on, light on black. What was drawn before is there again.
 *
 * @param onDrawn receives the pixels once a frame while the pen moves, and undefined when the square is empty.
 */
export function Drawing({ onDrawn }: { onDrawn(pixels: RawImage | undefined): void }) {
  const t = text.value.inside;
  const canvas = useRef<HTMLCanvasElement>(null);
  const stroke = useRef<{ pointer: number; x: number; y: number } | undefined>(undefined);
  const frame = useRef(0);
  const hold = (now: typeof stroke.current) => {
    stroke.current = now;
    penDown.value = now !== undefined;
  };
  const context = () => canvas.current!.getContext('2d', { willReadFrequently: true })!;
  const give = () => {
    frame.current = 0;
    onDrawn(context().getImageData(0, 0, SIDE, SIDE));
  };
  const clear = () => {
    cancelAnimationFrame(frame.current);
    frame.current = 0;
    hold(undefined);
    context().fillStyle = '#000';
    context().fillRect(0, 0, SIDE, SIDE);
    onDrawn(undefined);
  };
  useEffect(() => {
    const before = drawn.value;
    if (before) drawImage(canvas.current!, before);
    else clear();
    return () => {
      hold(undefined);
      if (frame.current) {
        cancelAnimationFrame(frame.current);
        give();
      }
    };
  }, []);
  const position = (event: PointerEvent) => {
    const { left, top, width } = canvas.current!.getBoundingClientRect();
    const scale = SIDE / width;
    return { x: (event.clientX - left) * scale, y: (event.clientY - top) * scale };
  };
  const draw = (event: PointerEvent) => {
    const from = stroke.current;
    if (from?.pointer !== event.pointerId) return;
    // The button may have been released where this page was not told.
    if (event.buttons === 0) {
      hold(undefined);
      return;
    }
    const to = position(event);
    const pen = context();
    Object.assign(pen, { lineWidth: PEN, lineCap: 'round', strokeStyle: '#e6e6e6' });
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    hold({ pointer: event.pointerId, ...to });
    frame.current ||= requestAnimationFrame(give);
  };
  const end = ({ pointerId }: PointerEvent) => {
    if (stroke.current?.pointer === pointerId) hold(undefined);
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
          // The main button, or the first finger.
          if (!event.isPrimary || event.button !== 0) return;
          canvas.current!.setPointerCapture(event.pointerId);
          hold({ pointer: event.pointerId, ...position(event) });
          draw(event);
        }}
        onPointerMove={draw}
        onPointerUp={end}
        onPointerCancel={end}
        onLostPointerCapture={end}
      />
      <p class="hint">{t.drawHint}</p>
      <button type="button" class="button" onClick={clear}>
        {t.clear}
      </button>
    </div>
  );
}
