import { inject } from 'vitest';
import { readBytes } from '../../src/io/read.js';

/** The folder of reference data beside the checkout; a browser has it from the tests' server. */
const folder = new URL('shared/', inject('server') ?? new URL('../../../', import.meta.url));

/** A reference file's path, and in a browser its address. */
export function sharedPath(name: string): string {
  const { protocol, pathname, href } = new URL(name, folder);
  return protocol === 'file:' ? pathname : href;
}

/** Whether the folder of reference data is there; says so where it is not. */
export const hasShared = await readBytes(sharedPath('reference/counts.json')).then(
  () => true,
  () => false,
);
if (!hasShared) {
  console.warn(
    `SKIPPED: reference data is not at ${folder.pathname}, so tests against PyTorch, Keras and real images do not run.`,
  );
}

/** A reference file's JSON. */
export async function sharedJson<T>(name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await readBytes(sharedPath(name)))) as T;
}
