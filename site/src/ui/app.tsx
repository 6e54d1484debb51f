import { signal } from '@preact/signals';
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { VIEWS, type View } from '../state/choice.js';
import { takeFiles, viewDrop } from '../state/files.js';
import { notice, phase, report } from '../state/lab.js';
import { address, choice, choose, isReturn, speakOfAll, text } from '../state/page.js';
import { CopyButton, IconButton, useKeptFocus } from './controls.js';
import { Next } from './path.js';
import { StartView } from './startView.js';

/** The other views are loaded after the first paint. */
const networks = () => import('./views.js');
const images = () => import('./imageViews.js');
const LATER: Record<Exclude<View, 'start'>, () => Promise<ComponentType>> = {
  own: async () => (await images()).OwnView,
  network: async () => (await networks()).NetworkView,
  train: async () => (await networks()).TrainView,
  inside: async () => (await networks()).InsideView,
  style: async () => (await images()).StyleView,
  weights: async () => (await networks()).WeightsView,
};

const shown = signal<{ [view in View]?: ComponentType }>({ start: StartView });

async function load(view: View): Promise<void> {
  if (view === 'start' || shown.value[view]) return;
  const [loaded] = await Promise.all([LATER[view](), speakOfAll()]);
  shown.value = { ...shown.value, [view]: loaded };
}

/** Room above a view for its tabs, in pixels. */
const TABS_HEIGHT = 72;

/** The playground. */
export function App() {
  const t = text.value;
  const { view } = choice.value;
  const Shown = shown.value[view];
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    load(view).catch(report);
    // The rest, so that it is there even if the connection is not.
    const timer = setTimeout(() => VIEWS.map((one) => load(one).catch(() => {})), 2000);
    return () => clearTimeout(timer);
  }, [view]);
  const before = useRef(view);
  // Before the next event, which may already move the focus on: an effect after the paint would take it back.
  useLayoutEffect(() => {
    if (before.current === view) return;
    before.current = view;
    place.current!.focus({ preventScroll: true });
    // After Back the browser scrolls to where the view was left.
    if (!isReturn.value) scrollTo(0, Math.min(scrollY, place.current!.offsetTop - TABS_HEIGHT));
  }, [view]);
  return (
    <DropTarget>
      <div class="intro">
        <h1>{t.heads[view].title}</h1>
        <p>{t.heads[view].lead}</p>
        <CopyButton copy={t.share.copy} copied={t.share.copied} value={address} />
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
      <section class="view" aria-label={t.views[view]} tabIndex={-1} ref={place}>
        {Shown && <Shown />}
        {Shown && <Next view={view} />}
      </section>
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
  const now = notice.value;
  const part = useKeptFocus<HTMLDivElement>();
  return (
    <div class="notices" role="status" ref={part}>
      {hidden && phase.value === 'training' && <p class="note">{t.train.hidden}</p>}
      {now && (
        <div class={`note ${now.tone}`}>
          <p>{now.text(t)}</p>
          {now.action && (
            <button
              type="button"
              class="button primary"
              onClick={() => {
                notice.value = undefined;
                now.action!.run();
              }}
            >
              {now.action.text(t)}
            </button>
          )}
          {now.detail && (
            <details open={now.tone === 'bad'}>
              <summary>{t.errors.details}</summary>
              <p class="detail" lang="en">
                {now.detail}
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
      if (!viewDrop.value?.(event)) void takeFiles([...event.dataTransfer.files]);
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
      {over && !viewDrop.value && (
        <div class="drop-over" aria-hidden="true">
          <strong>{t.here}</strong>
          <span>{t.hint}</span>
        </div>
      )}
    </>
  );
}
