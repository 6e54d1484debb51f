import {
  COUNT,
  checkArguments,
  FINITE,
  NUMBER,
  optional,
  optionsOf,
  plainObject,
  TEXT,
  tableOf,
} from '../base/arguments.js';
import { tag, varint } from '../base/protobuf.js';

/** A record of TensorBoard's event files. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  wallTime: number;
  /** The place on the horizontal axis. */
  step?: number;
  /** The format's version; the first record has it, and nothing else. */
  fileVersion?: string;
  /** Numbers by the name of their chart; those before a `/` share a section. */
  scalars?: Readonly<Record<string, number>>;
}

const FIELDS = {
  wallTime: FINITE,
  step: optional(COUNT),
  fileVersion: optional(TEXT),
  scalars: optional(tableOf('numbers by name', NUMBER)),
};

/**
 * An event as a record of TensorFlow's TFRecord format: the length, its checksum, the message, its checksum. The message is a
 * protocol buffer of which only these fields are written: `Event { wall_time = 1, step = 2, file_version = 3, summary = 5 }`,
 * `Summary { value = 1 }`, `Value { tag = 1, simple_value = 2 }` (tensorflow/core/util/event.proto, framework/summary.proto).
 */
export function encodeEvent(given: TensorBoardEvent): Uint8Array {
  checkArguments(
    'encodeEvent',
    { event: given },
    { event: plainObject('an event as { wallTime, step, scalars }') },
  );
  const event = optionsOf('encodeEvent', given, Object.keys(FIELDS) as (keyof TensorBoardEvent)[]);
  checkArguments('encodeEvent', event, FIELDS);
  const { wallTime, step = 0, fileVersion, scalars = {} } = event;

  const values = Object.entries(scalars).flatMap(([chart, value]) =>
    field(1, [
      ...field(1, utf8(chart)),
      ...tag(2, 'four'),
      ...bytesOf(4, (view) => view.setFloat32(0, value, true)),
    ]),
  );
  const message = Uint8Array.from([
    ...tag(1, 'eight'),
    ...bytesOf(8, (view) => view.setFloat64(0, wallTime, true)),
    ...(step > 0 ? [...tag(2, 'varint'), ...varint(step)] : []),
    ...(fileVersion === undefined ? [] : field(3, utf8(fileVersion))),
    ...(values.length > 0 ? field(5, values) : []),
  ]);
  const length = bytesOf(8, (view) => view.setBigUint64(0, BigInt(message.length), true));
  return Uint8Array.from([...length, ...checksum(length), ...message, ...checksum(message)]);
}

/** A field of bytes: its number and kind, its length, its content. */
function field(number: number, content: ArrayLike<number>): number[] {
  return [...tag(number, 'bytes'), ...varint(content.length), ...Array.from(content)];
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function bytesOf(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

/** CRC-32C (RFC 3720, B.4), rotated and shifted as TFRecords ask for, since they may themselves be summed. */
function checksum(bytes: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  crc = ~crc;
  const masked = ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  return bytesOf(4, (view) => view.setUint32(0, masked >>> 0, true));
}
