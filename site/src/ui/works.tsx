import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { text } from '../state/page.js';
import { type Region, type Stage, windowOf } from '../state/stages.js';
import { byPart, type Detail, fractionOf, type Place, type Range, rangeOf } from '../state/sum.js';
import { IconButton } from './controls.js';
import { MapCanvas } from './mapCanvas.js';
import { SumSteps, sourceOf } from './sumSteps.js';
import type { Sweep } from './sweep.js';

/** How one pixel comes about: where it lies, what it sees, and the sum. */
export function Works({
  detail,
  before,
  start,
  place,
  sweep,
  seen,
  image,
}: {
  detail: Detail;
  /** The layer that the input comes from. */
  before: Stage;
  /** Where the window began to move. */
  start: Place;
  place: Place;
  sweep: Sweep;
  seen: Region;
  image: Detail['input'];
}) {
  const t = text.value.closeUp;
  const { stage, input, output, low, high } = detail;
  const isSum = stage.kind === 'conv' && detail.kernel !== undefined;
  const key = `${stage.name} ${place.map}`;
  // In one order for all pixels while the window moves, so that nothing jumps.
  const steady = useMemo(() => (isSum ? byPart(detail, start) : []), [start]);
  const order = isSum && !sweep.playing ? byPart(detail, place) : steady;
  const [chosen, choose] = useState({ key, part: 0 });
  const part = isSum ? (chosen.key === key ? chosen.part : steady[0]!) : place.map;
  const range = useMemo(() => rangeOf(input.data), [input]);
  const window = windowOf(stage, { top: place.y, left: place.x, bottom: place.y, right: place.x });
  return (
    <div class="works">
      <div>
        <div class="from-to">
          <figure>
            <figcaption>{t.input(sourceOf(before, part))}</figcaption>
            <Framed width={input.width} height={input.height} region={window}>
              <MapCanvas
                width={input.width}
                height={input.height}
                value={scaled(input, part, range)}
                deps={[input, part]}
              />
            </Framed>
          </figure>
          <span class="arrow" aria-hidden="true">
            →
          </span>
          <figure>
            <figcaption>
              {t.output(place.map)}
              <IconButton
                icon={sweep.playing ? 'pause' : 'play'}
                label={sweep.playing ? t.pause : t.play}
                onClick={sweep.toggle}
              />
            </figcaption>
            <Picker width={output.width} height={output.height} place={place} onPick={sweep.pick}>
              <MapCanvas
                width={output.width}
                height={output.height}
                value={(pixel) =>
                  (output.data[pixel * output.channels + place.map]! - low) / (high - low || 1)
                }
                until={sweep.playing ? sweep.pixel + 1 : undefined}
                deps={[output, place.map]}
              />
            </Picker>
          </figure>
        </div>
        <div class="aside-seen">
          <figure class="seen">
            <figcaption>{t.sees(seen.bottom - seen.top + 1, seen.right - seen.left + 1)}</figcaption>
            <Framed width={image.width} height={image.height} region={seen}>
              <MapCanvas
                width={image.width}
                height={image.height}
                value={scaled(image, 0, rangeOf(image.data))}
                deps={[image]}
              />
            </Framed>
          </figure>
          <p class="hint">
            {t.point} {order.length > 1 && t.other}
          </p>
        </div>
      </div>
      <SumSteps
        detail={detail}
        before={before}
        place={place}
        order={order}
        part={part}
        range={range}
        onPart={(next) => choose({ key, part: next })}
      />
    </div>
  );
}

/** A channel's numbers from 0 to 1, on the scale of all channels. */
function scaled(maps: Detail['input'], channel: number, range: Range): (pixel: number) => number {
  return (pixel) => fractionOf(maps.data[pixel * maps.channels + channel]!, range);
}

/** A map with a frame around some of its pixels. */
function Framed({
  width,
  height,
  region: { top, left, bottom, right },
  children,
}: {
  width: number;
  height: number;
  region: Region;
  children: ComponentChildren;
}) {
  return (
    <div class="framed">
      {children}
      <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <rect x={left} y={top} width={right - left + 1} height={bottom - top + 1} />
      </svg>
    </div>
  );
}

/** A map of which a pixel is picked by pointing at it, or with the arrow keys. */
function Picker({
  width,
  height,
  place: { y, x },
  onPick,
  children,
}: {
  width: number;
  height: number;
  place: Place;
  onPick(pixel: number): void;
  children: ComponentChildren;
}) {
  const t = text.value.closeUp;
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const within = (fraction: number, size: number) =>
      Math.min(size - 1, Math.max(0, Math.floor(fraction * size)));
    const row = within((event.clientY - box.top) / box.height, height);
    onPick(row * width + within((event.clientX - box.left) / box.width, width));
  };
  const keys: Record<string, readonly [down: number, right: number]> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };
  return (
    <div
      class="framed picker"
      role="slider"
      tabIndex={0}
      aria-label={t.picker}
      aria-valuemin={0}
      aria-valuemax={width * height - 1}
      aria-valuenow={y * width + x}
      aria-valuetext={t.position(y + 1, x + 1)}
      onPointerMove={point}
      onPointerDown={point}
      onKeyDown={(event) => {
        const [down, right] = keys[event.key] ?? [];
        if (down === undefined) return;
        event.preventDefault();
        const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
        onPick(clamp(y + down, height) * width + clamp(x + right!, width));
      }}
    >
      {children}
      <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <rect x={x} y={y} width={1} height={1} />
      </svg>
    </div>
  );
}
