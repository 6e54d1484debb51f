/** What the processes of index.ts in JavaScript share: how they measure, read the images, and answer. */
import { readFileSync } from 'node:fs';
import { timesOf } from './timing.mjs';

/** A run that takes this long, in milliseconds, needs no further warm-up, and is measured once. */
const SLOW_MS = 10_000;

/** Milliseconds of each run: two at least, after a warm-up of two. benchChild.py has the same rule. */
export async function loop({ clock, seconds }, run) {
  const [first] = await timesOf(run, { clock });
  if (first >= SLOW_MS) return timesOf(run, { clock });
  return timesOf(run, { clock, seconds, warmUp: 1, runs: 2 });
}

/** The images, `[batch, height, width, channels]`, each number from 0 to 1. */
export function readImages({ folder }) {
  const bytes = readFileSync(`${folder}/images.bin`);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** The peak of the process's resident memory so far, in MiB; 0 where the system does not report it. */
export function peakMemory() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  } catch {
    return 0;
  }
}

/** Runs `measure` with the part, the variant and the spec from the command line, and prints the result. */
export async function answer(measure) {
  const [part, variant, spec] = process.argv.slice(2);
  const measurement = await measure(part, variant, JSON.parse(spec)).catch((error) => {
    const missing =
      error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND' || error.absent;
    if (missing) return { absent: error.message.split(/\n| imported from /)[0] };
    throw error;
  });
  console.log(`\n${JSON.stringify({ ...measurement, peak: peakMemory() })}`);
}

/** An error for an implementation that is not available here. */
export function absent(message) {
  return Object.assign(new Error(message), { absent: true });
}
