import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { VIEWS, type View } from '../state/choice.js';
import { takeFiles } from '../state/files.js';
import { notice, phase } from '../state/lab.js';
import { choice, choose, text } from '../state/page.js';
import { CopyButton, IconButton } from './controls.js';
import { InsideView } from './insideView.js';
import { NetworkView } from './networkView.js';
import { Next } from './path.js';
import { StartView } from './startView.js';
import { TrainView } from './trainView.js';
import { WeightsView } from './weightsView.js';

const SHOWN = {
  start: StartView,
  network: NetworkView,
  train: TrainView,
  inside: InsideView,
  weights: WeightsView,
};

/** The playground. */
export function App() {
  const t = text.value;
  const { view } = choice.value;
  const Shown = SHOWN[view];
  return (
    <DropTarget>
      <div class="intro">
        <h1>{view === 'start' ? t.start.title : t.title}</h1>
        <p>{view === 'start' ? t.start.lead : t.lead}</p>
        <CopyButton copy={t.share.copy} copied={t.share.copied} value={() => location.href} />
      </div>
      <nav class="views" aria-label={t.viewsLabel}>
        {VIEWS.map((one) => (
          <button
            key={one}
            type="button"
            aria-current={one === view ? 'page' : undefined}
            onClick={() => go(one)}
          >
            {t.views[one]}
            {one === 'train' && phase.value === 'training' && <span class="pulse" aria-hidden="true" />}
          </button>
        ))}
      </nav>
      <Notice />
      <Shown />
      <Next view={view} />
    </DropTarget>
  );
}

/** Goes to a view, and closes a notice of success. */
function go(view: View): void {
  if (notice.value?.tone === 'good') notice.value = undefined;
  choose({ view });
}

/** The current notice, until it is closed. */
function Notice() {
  const t = text.value;
  const hidden = useHidden();
  const shown = notice.value;
  return (
    <div class="notices" role="status">
      {hidden && phase.value === 'training' && <p class="note">{t.train.hidden}</p>}
      {shown && (
        <div class={`note ${shown.tone}`}>
          <p>{shown.text(t)}</p>
          {shown.detail && (
            <details open={shown.tone === 'bad'}>
              <summary>{t.errors.details}</summary>
              <p class="detail" lang="en">
                {shown.detail}
              </p>
            </details>
          )}
          <IconButton
            icon="close"
            label={t.errors.close}
            onClick={() => {
              notice.value = undefined;
            }}
          />
        </div>
      )}
    </div>
  );
}

/** Whether the page is in the background, or was some seconds ago, so that the notice can be read. */
function useHidden(): boolean {
  const [hidden, setHidden] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const change = () => {
      clearTimeout(timer);
      if (document.hidden) setHidden(true);
      else timer = setTimeout(() => setHidden(false), 8000);
    };
    document.addEventListener('visibilitychange', change);
    return () => document.removeEventListener('visibilitychange', change);
  }, []);
  return hidden;
}

/** The whole page takes dropped files. */
function DropTarget({ children }: { children: ComponentChildren }) {
  const t = text.value.drop;
  const [over, setOver] = useState(false);
  useEffect(() => {
    const drag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(false);
      void takeFiles([...event.dataTransfer.files]);
    };
    const on = { dragover: drag, dragleave: leave, drop };
    for (const [name, listener] of Object.entries(on)) addEventListener(name as 'drop', listener);
    return () => {
      for (const [name, listener] of Object.entries(on)) removeEventListener(name as 'drop', listener);
    };
  }, []);
  return (
    <>
      {children}
      {over && (
        <div class="drop-over" aria-hidden="true">
          <strong>{t.here}</strong>
          <span>{t.hint}</span>
        </div>
      )}
    </>
  );
}
