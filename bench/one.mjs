/** What the processes of bench/ share: a loop that measures, the peak of memory, and how a process answers. */
import { readFileSync } from 'node:fs';

/** Runs that do not count, the least that do, and the seconds after which neither is insisted on. */
const [WARM_UP, LEAST, PATIENCE] = [2, 2, 20];

/** What time is, by the spec: milliseconds of the clock, or of the processor. */
export function clockOf({ clock }) {
  if (clock === 'wall') return () => performance.now();
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
}

/** Milliseconds of each run, after a warm-up, until the time is over. */
export async function loop(spec, once) {
  const now = clockOf(spec);
  const begun = now();
  const patient = () => now() - begun < 1000 * PATIENCE;
  for (let i = 0; i < WARM_UP && (i === 0 || patient()); i++) await once();
  const runs = [];
  let measured = 0;
  while (runs.length === 0 || (patient() && (runs.length < LEAST || measured < 1000 * spec.seconds))) {
    const start = now();
    await once();
    runs.push(now() - start);
    measured += runs.at(-1);
  }
  return runs;
}

/** The pictures, `[batch, height, width, channels]`, each number from 0 to 1. */
export function pictures({ folder }) {
  const bytes = readFileSync(`${folder}/pictures.bin`);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** The most memory that the process had resident so far, in MiB. */
function peak() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  } catch {
    return 0;
  }
}

/** Runs `measure` with the part, the side and the spec of the command line, and prints what it found. */
export async function answer(measure) {
  const [part, side, spec] = process.argv.slice(2);
  const found = await measure(part, side, JSON.parse(spec)).catch((error) => {
    const missing =
      error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND' || error.absent;
    if (missing) return { absent: error.message.split(/\n| imported from /)[0] };
    throw error;
  });
  console.log(`\n${JSON.stringify({ ...found, peak: peak() })}`);
}

/** An error that says that a side is not here. */
export function absent(message) {
  return Object.assign(new Error(message), { absent: true });
}
