/**
 * Calls `use` for every item, at most `limit` at a time, starting in order. After an error, no further items are started, and
 * the error is thrown once those running have ended.
 *
 * @throws the error of `use`, or the signal's reason.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  use: (item: T, index: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const run = async () => {
    while (next < items.length && errors.length === 0) {
      const index = next++;
      try {
        signal?.throwIfAborted();
        await use(items[index]!, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  if (errors.length > 0) throw errors[0];
}

/** A function that starts others in the order of its calls, at most `limit` at a time. */
export function startingAtMost(limit: number): <T>(start: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (start) => {
    if (running === limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await start();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
