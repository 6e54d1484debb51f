import { chosenSource, index } from '../state/imageChoice.js';
import { classifyTestSet, review, reviewing } from '../state/inside.js';
import { slot, testSet } from '../state/looked.js';
import { text } from '../state/page.js';
import type { Review } from '../worker/inside.js';
import { Card, Scroll } from './controls.js';
import { imageAt, Pixels } from './image.js';
import { About } from './path.js';

/** The network's results on the whole test set: the confusion matrix and the worst mistakes. */
export function ReviewCards() {
  const t = text.value.inside;
  const found = review.value;
  if (!testSet.value || slot.value === 'sample') return null;
  return (
    <div class={found ? 'review' : undefined}>
      <Card
        title={t.confusion}
        aside={
          found ? (
            <strong>{t.accuracy(found.accuracy)}</strong>
          ) : (
            <button type="button" class="button" disabled={reviewing.value} onClick={classifyTestSet}>
              {reviewing.value ? t.working : t.classify}
            </button>
          )
        }
      >
        <About text={t.confusionNote} section="training" />
        {found && <Confusion {...found} />}
      </Card>
      {found && <Worst worst={found.worst} />}
    </div>
  );
}

function Confusion({ confusion }: Pick<Review, 'confusion'>) {
  const t = text.value.inside;
  const names = testSet.value!.classNames.map(text.value.className);
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
          {rows.map((row, actual) => {
            const total = Math.max(
              1,
              row.reduce((a, b) => a + b, 0),
            );
            return (
              <tr key={names[actual]}>
                <th scope="row">{names[actual]}</th>
                {names.map((name, predicted) => {
                  const level = Math.ceil((8 * row[predicted]!) / total);
                  return (
                    <td key={name} class={`${predicted === actual ? 'hit' : 'miss'} level${level}`}>
                      {row[predicted] || ''}
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
  const set = testSet.value!;
  return (
    <Card title={t.worst}>
      <p class="hint">{worst.length === 0 ? t.none : t.worstNote}</p>
      <ul class="worst">
        {worst.map(({ index: at, label, predicted, probability }) => {
          const nameOf = (index: number) => text.value.className(set.classNames[index] ?? String(index));
          const [is, guess] = [nameOf(label), nameOf(predicted)];
          return (
            <li key={at}>
              <button
                type="button"
                title={t.worstLabel(is, guess, text.value.percent(probability))}
                onClick={() => {
                  chosenSource.value = 'test';
                  index.value = at;
                }}
              >
                <Pixels image={imageAt(set, at)} label={is} />
                <span class="guess">{guess}</span>
                <span class="truth">{t.truth(is)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
