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

/**
 * Whether the process with a mark has ended; undefined if it belongs to another machine or container.
 *
 * @param sinceMs a time at which it was running, in milliseconds since 1970.
 */
export async function hasEnded(
  modules: FileModules,
  mark: string,
  sinceMs: number,
): Promise<boolean | undefined> {
  const [machine, pid] = mark.split('-');
  if (machine !== (await processMark(modules)).split('-')[0]) return undefined;
  // In a container that is started again, the next process often gets the same id.
  if (Number(pid) === process.pid) return sinceMs < Date.now() - 1000 * process.uptime();
  return !isRunning(Number(pid));
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
