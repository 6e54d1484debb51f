import { tag, varint } from '../../../base/protobuf.js';
import { type Content, concatenated, contentOf } from '../../formats/content.js';

/** The fields of a Protocol Buffers message, in order. */
export type Fields = readonly Content[];

export function number(field: number, value: number): Fields {
  return [fixed(...tag(field, 'varint'), ...varint(value))];
}

export function float(field: number, value: number): Fields {
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  return [fixed(...tag(field, 'four'), ...bytes)];
}

export function text(field: number, value: string): Fields {
  return message(field, [contentOf(new TextEncoder().encode(value))]);
}

/** A field of bytes, such as a message within the message. */
export function message(field: number, content: Fields): Fields {
  const inner = concatenated(content);
  return [fixed(...tag(field, 'bytes'), ...varint(inner.size)), inner];
}

function fixed(...bytes: number[]): Content {
  return contentOf(Uint8Array.from(bytes));
}
