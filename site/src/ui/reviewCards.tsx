import type { ComponentChildren } from 'preact';
import { goThrough, index, kind, review, reviewing, slot } from '../state/inside.js';
import { dataInfo } from '../state/lab.js';
import { text } from '../state/page.js';
import type { Review } from '../worker/inside.js';
import { Card, Scroll } from './controls.js';
import { Pixels, pictureAt } from './picture.js';

/** How the network does on the whole test set: the confusion matrix and the worst mistakes. */
export function ReviewCards({ children }: { children: ComponentChildren }) {
  const t = text.value.inside;
  const found = review.value;
  if (!dataInfo.value) return <>{children}</>;
  return (
    <>
      <div class="wide-and-narrow">
        <Card
          title={t.confusion}
          aside={
            found ? (
              <strong>{t.accuracy(found.accuracy)}</strong>
            ) : (
              <button
                type="button"
                class="button"
                disabled={reviewing.value || !slot.value}
                onClick={goThrough}
              >
                {reviewing.value ? t.working : t.classify}
              </button>
            )
          }
        >
          {found && <Confusion {...found} />}
          <p class="hint">{t.confusionNote}</p>
        </Card>
        {children}
      </div>
      {found && <Worst worst={found.worst} />}
    </>
  );
}

function Confusion({ confusion }: Pick<Review, 'confusion'>) {
  const t = text.value.inside;
  const names = dataInfo.value!.classNames;
  const rows = confusion.slice(0, names.length);
  return (
    <Scroll label={t.confusion}>
      <table class="confusion">
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, right) => {
            const total = Math.max(
              1,
              row.reduce((a, b) => a + b, 0),
            );
            return (
              <tr key={names[right]}>
                <th scope="row">{names[right]}</th>
                {names.map((name, said) => {
                  const share = row[said]! / total;
                  const level = Math.ceil(share * 8);
                  return (
                    <td key={name} class={`${said === right ? 'hit' : 'miss'} level${level}`}>
                      {row[said] || ''}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Worst({ worst }: Pick<Review, 'worst'>) {
  const t = text.value.inside;
  const set = dataInfo.value!;
  return (
    <Card title={t.worst}>
      <p class="hint">{worst.length === 0 ? t.none : t.worstNote}</p>
      <ul class="worst">
        {worst.map(({ index: at, label, predicted, probability }) => {
          const [is, said] = [set.classNames[label]!, set.classNames[predicted] ?? String(predicted)];
          return (
            <li key={at}>
              <button
                type="button"
                title={t.worstLabel(is, said, text.value.percent(probability))}
                onClick={() => {
                  kind.value = 'test';
                  index.value = at;
                }}
              >
                <Pixels image={pictureAt(set, at)} label={is} />
                <span class="said">{said}</span>
                <span class="truth">
                  {t.right} {is}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
