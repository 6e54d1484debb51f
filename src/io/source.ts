import { isArrayBuffer, isBlob, isBytes, isUrl } from '../base/realm.js';

/**
 * Where bytes come from: a path (Node 20.16 and newer), a URL (`http:`, `https:`, `data:`, `blob:`, `file:`; in a
 * browser a relative one too), a `Blob` or `File`, or the bytes themselves.
 */
export type Source = string | URL | ArrayBuffer | Uint8Array | Blob;

/** Throws a RangeError unless a value from the caller is a source. */
export function checkSource(source: unknown): void {
  const isSource =
    typeof source === 'string' || isUrl(source) || isBytes(source) || isArrayBuffer(source) || isBlob(source);
  if (isSource && source !== '') return;
  const given = source === '' ? 'empty' : source === null ? 'null' : `of the type ${typeof source}`;
  throw new RangeError(
    `the source is ${given}; it must be a path, a URL, a Blob, an ArrayBuffer or a Uint8Array.`,
  );
}

/**
 * Whether a source is a path on this machine (or relative to the page), and not a server's URL, bytes or a Blob. A URL of a protocol
 * that nothing here speaks counts as one; `nodePath` makes it one that no file system opens.
 */
export function isPath(source: Source): source is string | URL {
  return (typeof source === 'string' || isUrl(source)) && !/^(https?|data|blob):/i.test(String(source));
}

/** A path in the form that Node's file system accepts. */
export function nodePath(path: string | URL): string | URL {
  return typeof path === 'string' && /^(file:|[a-z][a-z\d+.-]+:\/\/)/i.test(path) && URL.canParse(path)
    ? new URL(path)
    : path;
}

/** The name of a source in error messages and progress events. */
export function sourceName(source: Source): string {
  if (typeof source === 'string') return source;
  if (isUrl(source)) return source.href;
  return 'name' in source && typeof source.name === 'string' ? source.name : `${source.constructor.name}`;
}
