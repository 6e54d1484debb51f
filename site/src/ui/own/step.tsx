import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** One of the steps, as a card with its number. */
export function Step({
  number,
  state,
  title,
  children,
  drop,
}: {
  number: number;
  /** Whether it is done, what to do now, or later. */
  state: 'done' | 'now' | 'later';
  title: string;
  children: ComponentChildren;
  /** Where images dropped on it go. */
  drop?: string;
}) {
  const id = useId();
  return (
    <section class={`card step ${state}`} aria-labelledby={id} data-drop={drop}>
      <header>
        <h2 id={id}>
          <span class="badge" aria-hidden="true">
            {state === 'done' ? '✓' : number}
          </span>
          {title}
        </h2>
      </header>
      {children}
    </section>
  );
}
