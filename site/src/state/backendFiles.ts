import { siteRoot } from '../siteRoot.js';
import type { Backend } from './choice.js';

/** Bytes of a download that have arrived, and of the whole. */
export interface Downloaded {
  done: number;
  total: number;
}

/** The files that each backend loads, from the site's root, with their bytes. */
export type BackendFiles = Record<Backend, Record<string, number>>;

/** The build lists them in this file; a development server has none. */
export const LIST = 'backends.json';

let list: Promise<BackendFiles | undefined> | undefined;
const here = new Set<string>();

/**
 * Downloads what a backend needs into the browser's cache, since a worker cannot see how far the loading of its own scripts is.
 * If that fails, the worker tries by itself and reports the error.
 *
 * @throws the signal's reason.
 */
export async function fetchBackend(
  backend: Backend,
  { onProgress, signal }: { onProgress: (now: Downloaded) => void; signal: AbortSignal },
): Promise<void> {
  try {
    list ??= fetch(new URL(LIST, siteRoot()), { signal }).then((response) =>
      response.ok ? response.json() : undefined,
    );
    const files = Object.entries((await list)?.[backend] ?? {}).filter(([file]) => !here.has(file));
    const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
    let done = 0;
    const one = async ([file]: [string, number]) => {
      const { body } = await fetch(new URL(file, siteRoot()), { signal });
      const reader = body!.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        done += part.value.length;
        onProgress({ done, total });
      }
      here.add(file);
    };
    await Promise.all(files.map(one));
  } catch {
    list = undefined;
    signal.throwIfAborted();
  }
}
