/**
 * The timing loop of every benchmark in JavaScript, by tinybench. Python's processes have their own, in benchChild.py and
 * wasmChild.py, since theirs must run in Python.
 */
import { Bench } from 'tinybench';

/** Milliseconds of wall time, or of the processor time that this process has used. */
export const CLOCKS = {
  wall: () => performance.now(),
  processor() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** Milliseconds of each run, ascending. */
export async function timesOf(run, { clock, runs = 1, warmUp = 0, seconds = 0, beforeEach }) {
  const bench = new Bench({
    now: CLOCKS[clock],
    iterations: runs,
    time: 1000 * seconds,
    warmup: warmUp > 0,
    warmupIterations: warmUp,
    warmupTime: 0,
    retainSamples: true,
    throws: true,
  });
  // Without `async`, tinybench calls `run` once more to see whether it returns a promise.
  bench.add('run', run, { async: true, beforeEach });
  const [task] = await bench.run();
  return task.result.latency.samples;
}
