/**
 * Tests by tag in place of `instanceof`, which is false for objects of another realm: those of an iframe, of a `node:vm`
 * context, and all of Node's own under Jest.
 */
function tag(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Whether a value is an ArrayBuffer, not one shared between threads. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return tag(value) === 'ArrayBuffer';
}

/** Whether a value is a Uint8Array, such as Node's Buffer. */
export function isBytes(value: unknown): value is Uint8Array {
  return tag(value) === 'Uint8Array';
}

export function isFloat32Array(value: unknown): value is Float32Array {
  return tag(value) === 'Float32Array';
}

/** Whether a value is a Blob or a File. */
export function isBlob(value: unknown): value is Blob {
  return ['Blob', 'File'].includes(tag(value));
}

export function isUrl(value: unknown): value is URL {
  return tag(value) === 'URL';
}

/** Whether a value is an error; an aborted signal's reason is one too. */
export function isError(value: unknown): value is Error {
  return ['Error', 'DOMException'].includes(tag(value));
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}

/** The first line of its message: what others' errors say before their stacks and details. */
export function firstLineOf(thrown: unknown): string {
  return messageOf(thrown).trim().split('\n')[0]!;
}
