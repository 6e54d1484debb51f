import { inject } from 'vitest';

/** A file on the tests' server; see browserServer.ts for what a query makes of it. */
export interface KeptFile {
  /** Its address, with a query. */
  url(query?: string): string;
  /** The Range header, or null, of each request so far. */
  ranges(): Promise<(string | null)[]>;
  remove(): Promise<void>;
}

/** Has the tests' server keep a file, in a folder of its own unless one is named. */
export async function keep(
  name: string,
  bytes: Uint8Array,
  folder: string = crypto.randomUUID(),
): Promise<KeptFile> {
  const address = new URL(`kept/${folder}/${name}`, inject('server')).href;
  await fetch(address, { method: 'PUT', body: bytes as BodyInit });
  return {
    url: (query = '') => `${address}${query}`,
    ranges: async () => (await fetch(`${address}?requests`)).json(),
    remove: async () => void (await fetch(address, { method: 'DELETE' })),
  };
}
