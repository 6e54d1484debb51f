/** What long work tells of itself: how much there will be, and how much is done. */
export interface Work {
  /** Adds work that will be done. */
  plan(cost: number): void;
  /** Notes work that is done, and every now and then reports it and lets others run; what it throws ends the work. */
  spend(cost: number): Promise<void>;
}

/** Work of which nobody wants to know. */
export const UNSEEN: Work = { plan: () => {}, spend: async () => {} };

/** The cost of a multiplication on the host, where that of one within a backend's product is 1. */
export const HOST = 16;

/** What is reported as one step: about a tenth of a second on one thread of wasm. */
const STEP = 2e9;

/**
 * Work in steps of about equal time. Their number grows when it turns out that more are needed.
 *
 * @param report called at the start, whenever a step is done, and by `finish`.
 */
export async function workInSteps(
  report: (done: number, total: number) => Promise<void>,
): Promise<Work & { finish(): Promise<void> }> {
  let [done, planned, reported] = [0, 0, 0];
  const total = () => Math.max(Math.ceil(planned / STEP), reported, 1);
  await report(0, 1);
  return {
    plan(cost) {
      planned += cost;
    },
    async spend(cost) {
      done += cost;
      const steps = Math.floor(done / STEP);
      if (steps === reported) return;
      reported = steps;
      await report(steps, total());
    },
    finish: () => report(total(), total()),
  };
}
