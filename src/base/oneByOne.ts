import { FUNCTION, recordOf } from './arguments.js';
import { fail, shown } from './check.js';
import { calling, isOwnSequence } from './ofCaller.js';
import { beforeAbort, unlessAborted } from './unlessAborted.js';

const ITERATOR = recordOf('an iterator', { next: FUNCTION });

/** How messages name a sequence of the caller's, and what ends it. */
interface SequenceOptions {
  /** What the sequence is of, such as 'the test set'. */
  of: string;
  /** What it returns, such as 'batches'. */
  items: string;
  signal?: AbortSignal;
  /** Gets each item, and what may be one, as soon as it is there. */
  hold?: (item: unknown) => void;
  /** Gives back what nobody takes any more. */
  drop?: (refused: unknown) => void;
}

/**
 * What a sequence of the caller's returns, as `for await` takes it, which would not say whose it is, nor end while it waits.
 *
 * @throws RangeError for an iterator that is none; the signal's reason.
 */
export async function* oneByOne<T>(
  where: string,
  sequence: Iterable<T> | AsyncIterable<T>,
  { of, items, signal, hold = () => undefined, drop = () => undefined }: SequenceOptions,
): AsyncGenerator<T, void, undefined> {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = sequence as AsyncIterable<T> &
    Iterable<T>;
  const steps = calling(() => (later ?? now).call(sequence));
  const waiting = isOwnSequence(sequence) ? beforeAbort : unlessAborted;
  const odd = (what: string, value: unknown) => {
    drop(value);
    return fail(where, `${what} of ${of} is ${shown(value)}; return ${items} as an async generator does.`);
  };
  if (!ITERATOR.holds(steps)) odd('the iterator', steps);
  const next = async () => {
    const coming: unknown = steps.next();
    hold(Object(coming).value);
    const step = (await coming) as IteratorResult<T>;
    if (typeof step !== 'object' || step === null || !('done' in step || 'value' in step)) {
      odd('what next() returned', step);
    }
    const value = (await step.value) as T;
    hold(value);
    return { done: step.done, value };
  };
  const end = () => waiting(signal, () => steps.return?.());
  let isOpen = false;
  try {
    for (;;) {
      isOpen = true;
      signal?.throwIfAborted();
      isOpen = false;
      const step = await waiting(signal, next, ({ value }) => drop(value));
      if (step.done) return;
      isOpen = true;
      yield step.value;
    }
  } catch (error) {
    // A generator ends once it has come to its next step, which may be never.
    if (signal?.aborted && !isOpen) end().catch(() => undefined);
    throw error;
  } finally {
    if (isOpen) await end();
  }
}
