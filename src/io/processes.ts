import { isError } from '../base/realm.js';
import type { nodeModules } from './runtime.js';

/** Modules of Node; those of {@link nodeModules}, or stand-ins in tests. */
export type FileModules = Pick<NonNullable<ReturnType<typeof nodeModules>>, 'fs' | 'fsSync' | 'os' | 'path'>;

/** Names a process in files that may outlive it, such as `1f3a9c02-4711`: its machine or container, and its id there. */
export async function processMark({ fs, os }: FileModules): Promise<string> {
  // Containers may share a host's name and a folder, and still number their processes each on their own.
  const namespace = await fs.readlink('/proc/self/ns/pid').catch(() => '');
  return `${hash(os.hostname() + namespace)}-${process.pid}`;
}

/** What tells this process from later ones with the same id, without spaces; undefined where there is no /proc. */
export async function processBirth(modules: FileModules): Promise<string | undefined> {
  return (await lookUp(modules, process.pid))?.birth;
}

/**
 * Whether the process with a mark has ended; undefined if it belongs to another machine or container.
 *
 * @param sinceMs a time at which it was running, in milliseconds since 1970.
 * @param birth its {@link processBirth}, if that is known.
 */
export async function hasEnded(
  modules: FileModules,
  mark: string,
  sinceMs: number,
  birth?: string,
): Promise<boolean | undefined> {
  const [machine, pid] = mark.split('-');
  if (machine !== (await processMark(modules)).split('-')[0]) return undefined;
  if (!isRunning(Number(pid))) return true;
  const found = await lookUp(modules, Number(pid));
  if (found?.isZombie) return true;
  // After a restart of the machine, or of a container in the same namespace, another process often gets the same id.
  if (found && birth) return found.birth !== birth;
  return Number(pid) === process.pid && sinceMs < Date.now() - 1000 * process.uptime();
}

/** A process in Linux's /proc; undefined where that is absent or hides it. */
async function lookUp(
  { fs }: FileModules,
  pid: number,
): Promise<{ birth: string; isZombie: boolean } | undefined> {
  try {
    const boot = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may have spaces and parentheses itself.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // The 22nd field is the start, in ticks since the boot.
    return { birth: `${boot.trim()}/${fields[18]}`, isZombie: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs for another user.
    return isError(error) && 'code' in error && error.code === 'EPERM';
  }
}

/** FNV-1a, eight hexadecimal digits. */
function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, '0');
}
