import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { text } from '../state/page.js';
import { labelOf, type Region, type Stage, seenBy, windowOf } from '../state/stages.js';
import type { Detail, Place } from '../state/sum.js';
import { activationColor, css } from './colors.js';
import { IconButton } from './controls.js';
import { shape } from './format.js';
import { MapCanvas } from './mapCanvas.js';
import { SumSteps, strongest } from './sumSteps.js';

/** One layer as a whole: its maps on one scale, and how each of their pixels is computed. */
export function CloseUp({
  detail,
  stages,
  image,
  still,
}: {
  detail: Detail;
  stages: readonly Stage[];
  /** The image as the network sees it, as maps. */
  image: Detail['input'];
  /** Whether a person is drawing, so that nothing else may move. */
  still: boolean;
}) {
  const t = text.value.closeUp;
  const { stage, output } = detail;
  const first = useMemo(() => brightest(detail), [stage.name]);
  const [picked, setMap] = useState<{ stage: string; map: number } | undefined>(undefined);
  const map = picked?.stage === stage.name ? picked.map : first.map;
  const shown = Math.min(map, output.channels - 1);
  const sweep = useSweep(output.width * output.height, first.pixel, still);
  const place: Place = {
    map: shown,
    y: Math.floor(sweep.pixel / output.width),
    x: sweep.pixel % output.width,
  };
  const index = stages.findIndex(({ name }) => name === stage.name);
  const isMap = stage.shape.length === 3;
  return (
    <section class="close-up card" aria-label={labelOf(stage, text.value.strip)}>
      <header>
        <h2>
          {labelOf(stage, text.value.strip)} <small>{shape(stage.shape)}</small>
        </h2>
        <p class="hint">{t.about[stage.kind]}</p>
      </header>
      <div class="bench">
        <div class="all">
          <h3>{isMap ? t.maps(output.channels, stage.shape[2]!) : t.numbers(stage.shape[0]!)}</h3>
          {isMap ? (
            <AllMaps
              detail={detail}
              chosen={shown}
              onChoose={(chosen) => setMap({ stage: stage.name, map: chosen })}
            />
          ) : (
            <Units detail={detail} />
          )}
          <Legend {...detail} />
        </div>
        {isMap && (stage.kind === 'conv' || stage.kind === 'pool') && (
          <Works
            detail={detail}
            place={place}
            sweep={sweep}
            seen={seenBy(stages, index, place.y, place.x)}
            image={image}
          />
        )}
      </div>
    </section>
  );
}

/** The map with the largest number, and its pixel. */
function brightest({ output: { data, channels } }: Detail): { map: number; pixel: number } {
  let best = 0;
  for (let i = 1; i < data.length; i++) if (data[i]! > data[best]!) best = i;
  return { map: best % channels, pixel: Math.floor(best / channels) };
}

function AllMaps({
  detail: { output, low, high },
  chosen,
  onChoose,
}: {
  detail: Detail;
  chosen: number;
  onChoose(map: number): void;
}) {
  const t = text.value.closeUp;
  return (
    <div class="all-maps">
      {Array.from({ length: output.channels }, (_, map) => (
        <button
          key={map}
          type="button"
          aria-label={t.map(map)}
          aria-pressed={map === chosen}
          onClick={() => onChoose(map)}
        >
          <MapCanvas
            width={output.width}
            height={output.height}
            value={(pixel) => (output.data[pixel * output.channels + map]! - low) / (high - low || 1)}
            deps={[output, map]}
          />
        </button>
      ))}
    </div>
  );
}

/** The numbers of a vector. */
function Units({ detail: { output, low, high } }: { detail: Detail }) {
  return (
    <ol class="units">
      {Array.from(output.data, (value, i) => (
        <li key={i} title={value.toFixed(4)}>
          <span style={{ background: css(activationColor((value - low) / (high - low || 1))) }} />
          {value.toFixed(2)}
        </li>
      ))}
    </ol>
  );
}

/** The scale that all maps of the layer share. */
function Legend({ low, high }: Detail) {
  return (
    <p class="legend">
      <span>{low.toFixed(2)}</span>
      <span class="ramp" role="img" aria-label={text.value.closeUp.scale} />
      <span>{high.toFixed(2)}</span>
    </p>
  );
}

/** How one pixel comes about: where it lies, what it sees, and the sum. */
function Works({
  detail,
  place,
  sweep,
  seen,
  image,
}: {
  detail: Detail;
  place: Place;
  sweep: Sweep;
  seen: Region;
  image: Detail['input'];
}) {
  const t = text.value.closeUp;
  const { stage, input, output, low, high } = detail;
  const part = stage.kind === 'conv' && detail.kernel ? strongest(detail, place) : place.map;
  const window = windowOf(stage, { top: place.y, left: place.x, bottom: place.y, right: place.x });
  return (
    <div class="works">
      <div class="from-to">
        <figure>
          <figcaption>{t.input(part, input.channels)}</figcaption>
          <Framed width={input.width} height={input.height} region={window}>
            <MapCanvas
              width={input.width}
              height={input.height}
              value={scaled(input, part)}
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
              value={(pixel) => (output.data[pixel * output.channels + place.map]! - low) / (high - low || 1)}
              until={sweep.playing ? sweep.pixel + 1 : undefined}
              deps={[output, place.map]}
            />
          </Picker>
        </figure>
        <figure class="seen">
          <figcaption>{t.sees(seen.bottom - seen.top + 1, seen.right - seen.left + 1)}</figcaption>
          <Framed width={image.width} height={image.height} region={seen}>
            <MapCanvas width={image.width} height={image.height} value={scaled(image, 0)} deps={[image]} />
          </Framed>
        </figure>
      </div>
      <SumSteps detail={detail} place={place} part={part} />
      <p class="hint">{t.point}</p>
    </div>
  );
}

/** A channel's numbers from 0 to 1, from the smallest to the largest of all channels. */
function scaled(maps: Detail['input'], channel: number): (pixel: number) => number {
  let [low, high] = [0, 1e-6];
  for (const value of maps.data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return (pixel) => (maps.data[pixel * maps.channels + channel]! - low) / (high - low);
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

interface Sweep {
  pixel: number;
  playing: boolean;
  toggle(): void;
  pick(pixel: number): void;
}

/** Seconds in which the window crosses a map, and the limits of a step in milliseconds. */
const CROSSING = 20;
const STEP = { minimum: 40, maximum: 300 };

/**
 * The window moves over the map by itself until a person takes over, unless the system asks for less motion.
 *
 * @param first where it begins, and moves to when another layer is chosen.
 */
function useSweep(pixels: number, first: number, still: boolean): Sweep {
  const [pixel, setPixel] = useState(first);
  const [wanted, setWanted] = useState(() => !matchMedia('(prefers-reduced-motion: reduce)').matches);
  const playing = wanted && !still;
  useEffect(() => setPixel(first), [first, pixels]);
  useEffect(() => {
    if (!playing) return;
    const pause = Math.min(STEP.maximum, Math.max(STEP.minimum, (1000 * CROSSING) / pixels));
    const timer = setInterval(() => setPixel((now) => (now + 1) % pixels), pause);
    return () => clearInterval(timer);
  }, [playing, pixels]);
  return {
    pixel: Math.min(pixel, pixels - 1),
    playing,
    toggle: () => setWanted(!playing),
    pick: (next) => {
      setWanted(false);
      setPixel(next);
    },
  };
}
