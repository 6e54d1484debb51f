import type { ComponentChildren } from 'preact';
import { text } from '../state/page.js';
import { labelOf, type Stage } from '../state/stages.js';
import type { Traced } from '../worker/trace.js';
import { Scroll } from './controls.js';
import { count, shape } from './format.js';
import { MapCanvas } from './mapCanvas.js';

/** The layers of a network side by side, each with its shape and cost, and with maps where it has seen an image. */
export function Strip({
  stages,
  chosen,
  onChoose,
}: {
  stages: readonly (Stage | Traced)[];
  chosen: number;
  onChoose(index: number): void;
}) {
  const t = text.value.strip;
  const most = (of: 'params' | 'macs') => Math.max(1, ...stages.map((stage) => stage[of]));
  const [params, macs] = [most('params'), most('macs')];
  return (
    <Scroll label={t.label} class="strip">
      <ol>
        {stages.map((stage, i) => (
          <li key={stage.name} class={stage.kind} style={{ '--order': i }}>
            <button type="button" aria-pressed={i === chosen} onClick={() => onChoose(i)}>
              <strong>{labelOf(stage, t)}</strong>
              <span class="shape">{shape(stage.shape)}</span>
              {'maps' in stage ? <Thumbs {...stage} /> : <Shape {...stage} />}
              <Cost name={t.parameters} kind="params" value={stage.params} of={params} />
              <Cost name={t.macs} kind="macs" value={stage.macs} of={macs} />
            </button>
          </li>
        ))}
      </ol>
    </Scroll>
  );
}

/** What the rows of numbers below the strip are, and more. */
export function StripLegend({ children }: { children?: ComponentChildren }) {
  const t = text.value.strip;
  return (
    <p class="hint strip-legend">
      {(['parameters', 'macs'] as const).map((one) => (
        <span key={one} class={`row-of ${one}`}>
          {t[one]}
        </span>
      ))}
      {children}
    </p>
  );
}

function Thumbs({ maps: { bytes, width, height, count: tiles } }: Traced) {
  return (
    <span class={`thumbs ${width === 1 ? 'vector' : ''}`}>
      {Array.from({ length: tiles }, (_, k) => (
        <MapCanvas
          key={k}
          width={width}
          height={height}
          value={(pixel) => bytes[k * width * height + pixel]! / 255}
          deps={[bytes]}
        />
      ))}
    </span>
  );
}

/** A layer without weights as a block: as high as its maps, as wide as they are many, both on a logarithmic scale. */
function Shape({ shape: sizes }: Stage) {
  const [height, channels] = sizes.length === 3 ? [sizes[0]!, sizes[2]!] : [sizes[0]!, 1];
  const style = { height: `${8 + 13 * Math.log2(1 + height)}px`, width: `${6 + 4 * Math.log2(channels)}px` };
  return (
    <span class="shape-of">
      <span style={style} />
    </span>
  );
}

function Cost({ name, kind, value, of }: { name: string; kind: string; value: number; of: number }) {
  return (
    <span class={`cost ${kind}`}>
      <span class="bar" style={{ width: `${(100 * value) / of}%` }} aria-hidden="true" />
      {value > 0 ? (
        <>
          {count(value)} <span class="unseen-text">{name}</span>
        </>
      ) : (
        <span aria-hidden="true">–</span>
      )}
    </span>
  );
}
