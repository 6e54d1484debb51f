import { useMemo, useState } from 'preact/hooks';
import { type Exercise, exercises } from '../state/exercises.js';
import { choose, text } from '../state/page.js';
import { Card } from './controls.js';
import { bytes, count } from './format.js';
import { About } from './path.js';

/** Questions of the chapter that check themselves. */
export function Exercises() {
  const t = text.value.exercises;
  const all = useMemo(exercises, []);
  return (
    <Card title={t.title} class="exercises">
      <About text={t.about} section="cost" />
      <div class="questions">
        {all.map((one) => (
          <Question key={one.name} {...one} />
        ))}
      </div>
    </Card>
  );
}

function Question({ name, answers, right, facts, setUp }: Exercise) {
  const t = text.value.exercises;
  const [given, setGiven] = useState<number | undefined>(undefined);
  const answer = (value: number) =>
    name === 'layers' ? String(value) : t.times(value < 10 ? value.toFixed(1) : value.toFixed(0));
  const why = {
    size: () => t.why.size(count(facts[0]!), count(facts[1]!)),
    memory: () => t.why.memory(bytes(facts[0]!), bytes(facts[1]!), facts[2]!.toFixed(1)),
    layers: () => t.why.layers(facts[0]!, facts[1]!, facts[2]!),
  };
  return (
    <fieldset>
      <legend>{t.ask[name]}</legend>
      <div class="row">
        {answers.map((value, i) => (
          <button
            key={value}
            type="button"
            class={`chip ${given !== undefined && i === right ? 'right' : i === given ? 'wrong' : ''}`}
            aria-pressed={i === given}
            onClick={() => setGiven(i)}
          >
            {answer(value)}
          </button>
        ))}
      </div>
      <p role="status">
        {given !== undefined && (
          <>
            <strong>{given === right ? t.right : t.wrong}</strong> {why[name]()}{' '}
            <button type="button" class="link" onClick={() => choose(setUp)}>
              {t.setUp}
            </button>
          </>
        )}
      </p>
    </fieldset>
  );
}
