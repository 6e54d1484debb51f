import { attempted, shown, tag } from './check.js';

/** Whether a value has a tag and, as what has it by nature, a field of a type. */
function isTagged(value: unknown, tags: readonly string[], field: string, type: string): boolean {
  const test = () => typeof (value as Record<string, unknown>)[field] === type;
  return tags.includes(tag(value)) && (attempted(test) ?? false);
}

/** Whether a value is an ArrayBuffer, but not a SharedArrayBuffer. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return isTagged(value, ['ArrayBuffer'], 'byteLength', 'number');
}

/** Whether a value is a Uint8Array, such as Node's Buffer. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && tag(value) === 'Uint8Array';
}

export function isFloat32Array(value: unknown): value is Float32Array {
  return ArrayBuffer.isView(value) && tag(value) === 'Float32Array';
}

/** Whether a value is a Blob or a File. */
export function isBlob(value: unknown): value is Blob {
  return isTagged(value, ['Blob', 'File'], 'arrayBuffer', 'function');
}

export function isUrl(value: unknown): value is URL {
  return isTagged(value, ['URL'], 'href', 'string');
}

/** Whether a value is an Error, or a DOMException such as an abort signal's reason. */
export function isError(value: unknown): value is Error {
  return ['Error', 'DOMException'].includes(tag(value));
}

/** The message of a thrown value, which code of the caller's may have thrown without an error. */
export function messageOf(thrown: unknown): string {
  if (isError(thrown)) return thrown.message;
  return typeof thrown === 'string' ? thrown : `${shown(thrown)} was thrown, which is not an error`;
}

/** The message of a thrown value as a clause, which more follows. */
export function clauseOf(thrown: unknown): string {
  return messageOf(thrown).replace(/\.$/, '');
}

/** The first line of a thrown value's message, without the details that some libraries add below it. */
export function firstLineOf(thrown: unknown): string {
  return messageOf(thrown).trim().split('\n')[0]!;
}
