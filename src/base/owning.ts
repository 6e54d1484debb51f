/** Notes how to give a resource back, and returns it. */
export type Own = <R>(resource: R, release: (resource: R) => unknown) => R;

/**
 * Does work that takes resources, and gives them back when it ends, however it ends: the last one first, and all of them even if
 * giving one back fails. The first error is thrown.
 *
 * @example
 * await owning(async (own) => {
 *   const images = own(randomUniform([8, 32, 32, 3]), dispose);
 *   ...
 * });
 */
export async function owning<T>(work: (own: Own) => Promise<T>): Promise<T> {
  const releases: (() => unknown)[] = [];
  const errors: unknown[] = [];
  const tried = async <R>(step: () => R): Promise<Awaited<R> | undefined> => {
    try {
      return await step();
    } catch (error) {
      errors.push(error);
      return undefined;
    }
  };
  const result = await tried(() =>
    work((resource, release) => {
      releases.push(() => release(resource));
      // A scope of the caller's that ends meanwhile would dispose tensors, unless they are kept.
      for (const one of [resource].flat())
        if (Object(one).dataId) Object.assign(one as object, { kept: true });
      return resource;
    }),
  );
  for (const release of releases.reverse()) await tried(release);
  if (errors.length > 0) throw errors[0];
  return result as T;
}
