import { size } from '../../../base/shapes.js';
import { checkShape, type Span } from '../checks.js';
import { fileOfBytes } from '../file.js';
import { type ByteStream, spanOf } from '../tensor.js';
import { openChunks } from './chunks.js';
import { MESSAGE, type Message } from './header.js';
import { dense } from './links.js';
import { type Fields, type Metadata, UNDEFINED } from './metadata.js';
import type { Extent } from './types.js';

/** The location of a dataset's bytes. */
export interface Storage {
  open(): ByteStream;
  /** Set if they are contiguous in the file. */
  span?: Omit<Span, 'tensor'>;
}

/** Reads a layout message (IV.A.2.i): the bytes are in the header itself, contiguous in the file, or in chunks that may be packed. */
export function readStorage(metadata: Metadata, messages: readonly Message[], extent: Extent): Storage {
  const body = messages.find(({ type }) => type === MESSAGE.layout)?.body;
  const fault = (reason: string) => metadata.fault(reason, extent.path);
  if (!body) throw fault('its header does not say where it is stored; the file is damaged.');
  checkShape(metadata.file.name, extent.path, extent.shape);
  const total = size(extent.shape) * extent.elementBytes;
  const version = body.u8();
  if (version < 1 || version > 4)
    throw fault(
      `its layout has version ${version}, but only 1 to 4 are supported; save it with h5py's defaults.`,
    );
  const [kind, place] = version < 3 ? placeOfOld(body) : [body.u8(), body];
  if (kind === 0) {
    const bytes = place.take(version < 3 ? place.u32() : place.u16()).bytes;
    if (bytes.length !== total)
      throw fault(`it has ${bytes.length} bytes, but its shape needs ${total}; the file is damaged.`);
    return { open: () => spanOf(fileOfBytes(metadata.file.name, bytes), 0) };
  }
  if (kind === 1) {
    const offset = place.u64();
    const length = version < 3 ? total : place.u64();
    if (length !== total)
      throw fault(`it has ${length} bytes, but its shape needs ${total}; the file is damaged.`);
    if (total === 0) return { open: () => spanOf(metadata.file, 0) };
    if (offset >= UNDEFINED || offset + total > metadata.file.size) {
      throw fault(
        `its ${total} bytes should be at ${offset} of ${metadata.file.size}; the file is truncated or was not completely written, so get it again.`,
      );
    }
    return { open: () => spanOf(metadata.file, offset), span: { offset, length: total } };
  }
  if (kind !== 2)
    throw fault('it is stored in other files, which is not supported; save everything in one file.');
  if (version === 4) throw dense(metadata, 'chunks', extent.path);
  const rank = version < 3 ? body.bytes[1]! : place.u8();
  if (rank !== extent.shape.length + 1)
    throw fault(`its chunks have ${rank - 1} axes, but it has ${extent.shape.length}; the file is damaged.`);
  return { open: openChunks(metadata, messages, extent, place) };
}

/** Versions 1 and 2 have the rank before the kind, and the chunks' shape after the address. */
function placeOfOld(body: Fields): [kind: number, place: Fields] {
  const rank = body.u8();
  const kind = body.u8();
  body.skip(5);
  if (kind === 0) body.skip(4 * rank);
  return [kind, body];
}
