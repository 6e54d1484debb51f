import type { Fields, Metadata } from './metadata.js';

/** The messages of object headers that are read here (HDF5 File Format Specification, IV.A.2). */
export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

const READ: ReadonlySet<number> = new Set(Object.values(MESSAGE));

/** A message of an object's header: one of its properties. */
export interface Message {
  type: number;
  body: Fields;
}

/** The maximum number of messages in a header; an object has about ten, and one for each attribute. */
const MAX_MESSAGES = 4096;

/** The flag of a message that is stored elsewhere, shared by several objects. */
const SHARED = 0x02;

/** The header of an object at an address, of version 1 or 2, with its continuations. */
export async function readHeader(metadata: Metadata, address: number): Promise<Message[]> {
  const start = await metadata.at(address, Math.min(16, metadata.file.size - address));
  const version1 = start.bytes[0] === 1;
  const first = version1 ? await blockOfV1(metadata, address) : await blockOfV2(metadata, address);
  const messages: Message[] = [];
  const blocks = [first];
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    for (const message of version1 ? messagesOfV1(block) : messagesOfV2(block)) {
      if (messages.length >= MAX_MESSAGES)
        throw metadata.fault(`an object has more than ${MAX_MESSAGES} properties; it is damaged.`);
      if (message.type !== MESSAGE.continuation) {
        messages.push(message);
        continue;
      }
      const [at, length] = [message.body.u64(), message.body.u64()];
      const fields = await metadata.at(at, length);
      if (!version1) fields.signature('OCHK');
      blocks.push({ ...block, fields: version1 ? fields : fields.take(Math.max(0, fields.left - 4)) });
    }
  }
  return messages;
}

interface Block {
  fields: Fields;
  /** Whether every message of version 2 has a creation order. */
  ordered: boolean;
}

async function blockOfV1(metadata: Metadata, address: number): Promise<Block> {
  const prefix = await metadata.at(address, 16);
  prefix.skip(8);
  return { fields: await metadata.at(address + 16, prefix.u32()), ordered: false };
}

async function blockOfV2(metadata: Metadata, address: number): Promise<Block> {
  const prefix = await metadata.at(address, Math.min(40, metadata.file.size - address));
  prefix.signature('OHDR');
  const version = prefix.u8();
  if (version !== 2)
    throw metadata.fault(
      `an object's header has version ${version}, but only 1 and 2 are supported; save it with h5py's defaults.`,
    );
  const flags = prefix.u8();
  if (flags & 0x20) prefix.skip(16);
  if (flags & 0x10) prefix.skip(4);
  const length = prefix.sized(2 ** (flags & 3));
  return { fields: await metadata.at(address + prefix.at, length), ordered: (flags & 4) !== 0 };
}

function* messagesOfV1({ fields }: Block): Generator<Message> {
  while (fields.left >= 8) {
    const [type, size, flags] = [fields.u16(), fields.u16(), fields.u8()];
    fields.skip(3);
    yield message(type, flags, fields.take(size));
  }
}

function* messagesOfV2({ fields, ordered }: Block): Generator<Message> {
  while (fields.left >= (ordered ? 6 : 4)) {
    const [type, size, flags] = [fields.u8(), fields.u16(), fields.u8()];
    if (ordered) fields.skip(2);
    yield message(type, flags, fields.take(size));
  }
}

function message(type: number, flags: number, body: Fields): Message {
  if (flags & SHARED && READ.has(type)) {
    throw body.metadata.fault(
      'its objects share types or properties (committed datatypes), which is not supported; save it without, as Keras does.',
    );
  }
  return { type, body };
}
