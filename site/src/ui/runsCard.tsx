import { useRef, useState } from 'preact/hooks';
import { phase, run } from '../state/lab.js';
import { choose, text } from '../state/page.js';
import { cannotKeep, compare, compared, forgetRun, runs, type StoredRun } from '../state/runs.js';
import { openRun, show } from '../state/shownRun.js';
import { Card, Checkbox, useKeptFocus } from './controls.js';

/** The runs of this and earlier visits: to compare their curves, to go on with one, and to remove some. */
export function RunsCard() {
  const t = text.value.runs;
  const [leaving, setLeaving] = useState<StoredRun | undefined>(undefined);
  const list = useKeptFocus<HTMLUListElement>();
  return (
    <Card title={t.title}>
      <p class="hint">{cannotKeep.value ? t.cannotKeep : t.note}</p>
      <ul class="runs" ref={list}>
        {runs.value.map((one) => (
          <Row key={one.id} run={one} onRemove={() => setLeaving(one)} />
        ))}
      </ul>
      {leaving && <Question run={leaving} onClose={() => setLeaving(undefined)} />}
    </Card>
  );
}

function Row({ run: one, onRemove }: { run: StoredRun; onRemove(): void }) {
  const t = text.value.runs;
  const { percent } = text.value;
  const isShown = one.id === run.value?.id;
  const isBusy = phase.value !== 'idle';
  const last = one.epochs.flatMap(({ testAccuracy }) => testAccuracy ?? []).at(-1);
  const name = `${one.title}, ${t.when(one.at)}`;
  return (
    <li>
      {isShown ? (
        <strong aria-hidden="true">→</strong>
      ) : (
        <Checkbox checked={compared.value.has(one.id)} onValue={(beside) => compare(one.id, beside)}>
          <span class="unseen-text">{t.compare(name)}</span>
        </Checkbox>
      )}
      <span>
        {one.title} {last !== undefined && <b>{percent(last)}</b>}
        <small>
          {t.about(t.sets[one.imported ? 'imported' : one.set.kind], one.epochs.length, t.when(one.at))}
        </small>
      </span>
      {isShown ? (
        <small>{t.shown}</small>
      ) : (
        !one.imported && (
          <button
            type="button"
            class="button quiet"
            disabled={isBusy}
            aria-label={`${t.open}: ${name}`}
            onClick={() => {
              void openRun(one).then((there) => {
                const { view: _, backend: __, kernels: ___, ...choice } = one.choice;
                if (there) choose({ ...choice, ...one.stretch?.chosen });
              });
            }}
          >
            {t.open}
          </button>
        )
      )}
      <button
        type="button"
        class="button quiet"
        disabled={isBusy && isShown}
        aria-label={`${t.remove}: ${name}`}
        onClick={onRemove}
      >
        {t.remove}
      </button>
    </li>
  );
}

/** Asks before a run is removed. */
function Question({ run: one, onClose }: { run: StoredRun; onClose(): void }) {
  const t = text.value.runs;
  const opened = useRef(false);
  return (
    <dialog
      aria-label={t.remove}
      ref={(dialog) => {
        if (dialog && !opened.current) dialog.showModal();
        opened.current = true;
      }}
      onClose={({ currentTarget }) => {
        onClose();
        if (currentTarget.returnValue !== 'remove') return;
        if (one.id === run.value?.id) show(undefined);
        void forgetRun(one);
      }}
    >
      <p>{t.question(one.title, t.when(one.at), one.epochs.length)}</p>
      <form method="dialog" class="row">
        <button type="submit" class="button primary" value="keep">
          {t.keep}
        </button>
        <button type="submit" class="button" value="remove">
          {t.remove}
        </button>
      </form>
    </dialog>
  );
}
