import { isError } from '../base/realm.js';

/**
 * Node's built-in modules; undefined elsewhere. They are loaded at run time, because an import would break bundles for
 * browsers.
 */
export function nodeModules() {
  const builtin = globalThis.process?.getBuiltinModule;
  if (!builtin) return undefined;
  return {
    /** Absent from some builds of Node. */
    get crypto() {
      return builtin('node:crypto');
    },
    fs: builtin('node:fs/promises'),
    fsSync: builtin('node:fs'),
    os: builtin('node:os'),
    path: builtin('node:path'),
    env: globalThis.process.env,
    platform: globalThis.process.platform,
  };
}

/** The base of relative URLs in a browser or a worker; undefined elsewhere. */
export function baseUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href;
}

/** The error code of a failed system call, such as `ENOENT`; that of a DOMException is a number, and none. */
export function systemCode(error: unknown): string | undefined {
  return isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
