import { sha256 as hash } from '@noble/hashes/sha2.js';

/** `count` bytes that look like nothing. */
export function noise(count: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** The SHA-256 sum of some bytes, in hexadecimal. */
export const sha256 = (bytes: Uint8Array): string =>
  Array.from(hash(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Characters of one byte each as bytes. */
export const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

export const fromBase64 = (text: string): Uint8Array => latin1(atob(text));

/** Where a pattern begins among some bytes; -1 where it is not. */
export function indexOf(bytes: Uint8Array, pattern: string | number[]): number {
  const wanted = typeof pattern === 'string' ? latin1(pattern) : pattern;
  return bytes.findIndex((_, at) => wanted.every((byte: number, i: number) => bytes[at + i] === byte));
}
