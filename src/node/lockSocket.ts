import { open, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { systemCode } from '../io/runtime.js';

/** A socket that listens in a folder. */
export interface LockSocket {
  /** The folder's device, by which a process knows that it sees the same sockets. */
  device: string;
  /** Removes it. */
  close(): Promise<void>;
}

/**
 * Listens on a socket in a folder until the process ends. By it other containers on the machine, which do not see this one's
 * processes, know that it lives: the kernel answers them, even while the process computes or is suspended.
 *
 * @returns undefined where that cannot be, as on a file system without sockets, or is of no use, as on systems other than Linux.
 */
export async function listenIn(folder: string, name: string): Promise<LockSocket | undefined> {
  return inFolder(folder, async (at, device, leave) => {
    const server = createServer((peer) => peer.destroy()).unref();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ path: `${at}/${name}`, exclusive: true }, resolve);
    });
    const close = async () => {
      await new Promise((resolve) => server.close(resolve));
      await leave();
    };
    return { device, close };
  });
}

/** Whether the process that began to listen in a folder on a device has ended; undefined if that cannot be seen. */
export async function isDeserted(folder: string, name: string, device: string): Promise<boolean | undefined> {
  return inFolder(folder, async (at, found, leave) => {
    const answer = await new Promise<string | undefined>((resolve) => {
      const peer = connect(`${at}/${name}`, () => resolve(undefined));
      peer.on('error', (error) => resolve(systemCode(error))).unref();
      peer.once('connect', () => peer.destroy());
    });
    await leave();
    if (answer === undefined) return false;
    return answer === 'ECONNREFUSED' && found === device ? true : undefined;
  });
}

/** Removes the socket of a process that has ended. */
export async function removeFrom(folder: string, name: string): Promise<void> {
  await rm(`${folder}/${name}`, { force: true });
}

/** Opens a folder, whose path may be longer than that of a socket can be (108 bytes), until `leave` is called. */
async function inFolder<T>(
  folder: string,
  use: (at: string, device: string, leave: () => Promise<void>) => Promise<T>,
): Promise<T | undefined> {
  if (process.platform !== 'linux') return undefined;
  const handle = await open(folder);
  try {
    const { dev } = await handle.stat();
    return await use(`/proc/self/fd/${handle.fd}`, String(dev), () => handle.close());
  } catch {
    await handle.close();
    return undefined;
  }
}
