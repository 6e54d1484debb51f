import { existsSync, readFileSync } from 'node:fs';

const folder = new URL('../../../shared/', import.meta.url);

/** Whether the folder of reference data lies beside the checkout; says so once where it does not. */
export const hasShared = existsSync(folder);
if (!hasShared) {
  console.warn(
    `SKIPPED: reference data is not at ${folder.pathname}, so tests against PyTorch, Keras and real images do not run.`,
  );
}

/** The path of a reference file. */
export function sharedPath(name: string): string {
  return new URL(name, folder).pathname;
}

/** A reference file's JSON. */
export function sharedJson<T>(name: string): T {
  return JSON.parse(readFileSync(sharedPath(name), 'utf8')) as T;
}
