/**
 * Uses every item, at most `limit` at a time, begun in order. The first error stops what was not begun yet; it is thrown
 * once nothing runs any more.
 *
 * @throws what `use` threw, or the signal's reason.
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
