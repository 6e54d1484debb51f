import { useRef, useState } from 'preact/hooks';
import { text } from '../state/page.js';
import { labelOf, type Stage, seenBy } from '../state/stages.js';
import { startOf, strongest } from '../state/start.js';
import type { Detail, Place } from '../state/sum.js';
import { activationColor, css } from './colors.js';
import { DenseSum } from './denseSum.js';
import { digits, shape } from './format.js';
import { Legend } from './image.js';
import { MapCanvas } from './mapCanvas.js';
import { useSweep } from './sweep.js';
import { Works } from './works.js';

/** One layer as a whole: its maps on one scale, and how each of their pixels is computed. */
export function CloseUp({
  detail,
  stages,
  image,
  still,
  classOf,
}: {
  detail: Detail;
  stages: readonly Stage[];
  /** The image as the network sees it, as maps. */
  image: Detail['input'];
  /** Whether a person is drawing, so that nothing else may move. */
  still: boolean;
  /** The name of a class, if the last layer has one for each of its numbers. */
  classOf?: (unit: number) => string;
}) {
  const t = text.value.closeUp;
  const { stage, output } = detail;
  const [picked, setMap] = useState<{ stage: string; map: number } | undefined>(undefined);
  const start = useStart(detail, picked?.stage === stage.name ? picked.map : undefined, still);
  const first = start.y * output.width + start.x;
  const sweep = useSweep(output.width * output.height, stage.name, first, still);
  const place: Place = {
    map: start.map,
    y: Math.floor(sweep.pixel / output.width),
    x: sweep.pixel % output.width,
  };
  const index = stages.findIndex(({ name }) => name === stage.name);
  const before = stages[Math.max(0, index - 1)]!;
  const isMap = stage.shape.length === 3;
  const nameOf = index === stages.length - 1 ? classOf : undefined;
  const pick = (map: number) => setMap({ stage: stage.name, map });
  return (
    <section class="close-up card" aria-label={labelOf(stage, text.value.strip)}>
      <header>
        <h2>
          {labelOf(stage, text.value.strip)} <small>{shape(stage.shape)}</small>
        </h2>
        <p class="hint">{t.about[stage.kind](detail.steps.some(({ kind }) => kind === 'norm'))}</p>
      </header>
      {isMap && (stage.kind === 'conv' || stage.kind === 'pool') && (
        <Works
          detail={detail}
          before={before}
          start={start}
          place={place}
          sweep={sweep}
          seen={seenBy(stages, index, place.y, place.x)}
          image={image}
        />
      )}
      {stage.kind === 'dense' && detail.kernel && (
        <DenseSum detail={detail} unit={place.map} before={before} name={nameOf?.(place.map)} />
      )}
      <div class="all">
        <h3>
          {isMap ? t.maps(output.channels, stage.shape[2]!) : t.numbers(output.channels, stage.shape[0]!)}
          <Legend ends={[digits(detail.low), digits(detail.high)]} label={t.scale} />
        </h3>
        {isMap ? (
          <AllMaps detail={detail} chosen={place.map} onChoose={pick} />
        ) : (
          <Units detail={detail} chosen={detail.kernel && place.map} nameOf={nameOf} onChoose={pick} />
        )}
      </div>
    </section>
  );
}

/** Where the explanation begins: in the map that was picked, or if it can in the one shown before; unmoved while somebody draws. */
function useStart(detail: Detail, picked: number | undefined, still: boolean): Place {
  const last = useRef<{ detail: Detail; picked: number | undefined; start: Place } | undefined>(undefined);
  const { current } = last;
  const before = current?.detail.stage.name === detail.stage.name ? current : undefined;
  if (before && before.picked === picked && (still || before.detail === detail)) return before.start;
  const maps =
    picked === undefined ? [...(before ? [before.start.map] : []), ...strongest(detail)] : [picked];
  const start = startOf(detail, maps);
  last.current = { detail, picked, start };
  return start;
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
    <div class={`all-maps ${output.channels > 3 ? '' : 'few'}`}>
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

/** The numbers of a vector; where their sums are known, one is chosen. */
function Units({
  detail: { output, low, high },
  chosen,
  nameOf,
  onChoose,
}: {
  detail: Detail;
  chosen: number | undefined;
  nameOf?: (unit: number) => string;
  onChoose(unit: number): void;
}) {
  const t = text.value.closeUp;
  return (
    <div class={`units ${nameOf ? 'named' : ''}`}>
      {Array.from(output.data, (value, i) => (
        <button
          key={i}
          type="button"
          aria-label={`${nameOf?.(i) ?? t.unit(i)}: ${digits(value)}`}
          aria-pressed={i === chosen}
          disabled={chosen === undefined}
          onClick={() => onChoose(i)}
        >
          <span style={{ background: css(activationColor((value - low) / (high - low || 1))) }} />
          {nameOf && <em>{nameOf(i)}</em>}
          {digits(value)}
        </button>
      ))}
    </div>
  );
}
