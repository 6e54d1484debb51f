import { printable, WeightFileError } from '../error.js';
import type { WeightFile } from '../file.js';
import { MAX_HEADER_BYTES, MAX_TENSORS } from '../limits.js';
import { viewOf } from '../numbers.js';

/** A file in a zip archive's directory (PKWARE's APPNOTE.TXT; comments name its sections). */
export interface Listed {
  name: string;
  /** Whether its bytes are compressed with DEFLATE or stored uncompressed. */
  packed: boolean;
  /** Its CRC-32. */
  crc: number;
  /** Bytes in the archive. */
  packedSize: number;
  /** Bytes once unpacked. */
  size: number;
  /** The offset of its own header, which its bytes follow. */
  headerAt: number;
}

/** The maximum number of files; torch.save writes one for each tensor and four more. */
const MAX_ENTRIES = MAX_TENSORS + 100;

/** The record that ends an archive has 22 bytes and a comment of at most 65535 (4.3.16). */
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;

const SIGNATURE = { end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50, listed: 0x02014b50 };

/**
 * The directory of an archive, including those beyond 4 GiB (zip64).
 *
 * @throws WeightFileError when it is truncated or damaged, lists too many files, or one that is encrypted, compressed with
 *   another method, or has a path outside the archive.
 */
export async function readDirectory(file: WeightFile): Promise<Listed[]> {
  const { count, size, at } = await findDirectory(file);
  const fault = (reason: string) => new WeightFileError(file.name, reason);
  if (size > MAX_HEADER_BYTES)
    throw fault(`its directory claims ${size} bytes, more than the limit of ${MAX_HEADER_BYTES}.`);
  if (count > MAX_ENTRIES)
    throw fault(`its archive has ${count} files, more than the limit of ${MAX_ENTRIES}.`);
  const view = viewOf(await file.read(at, size));
  const listed: Listed[] = [];
  for (let i = 0, from = 0; i < count; i++) {
    if (from + 46 > size || view.getUint32(from, true) !== SIGNATURE.listed) {
      const ends = `its directory ends after ${i} of ${count} files`;
      // Archives one after the other: the last one's offsets do not count those before it.
      const joined = 'its directory is elsewhere, as in a .distcp, which dcp_to_torch of PyTorch converts';
      throw damaged(file.name, i === 0 ? joined : ends);
    }
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((o) => view.getUint16(from + o, true));
    const end = from + 46 + nameBytes! + extraBytes! + commentBytes!;
    if (end > size) throw damaged(file.name, `its directory ends after ${i} of ${count} files`);
    listed.push(readListed(file.name, view, from, nameBytes!, extraBytes!));
    from = end;
  }
  return listed;
}

/** Reads the record at the archive's end, or the one of zip64 that it refers to. */
async function findDirectory(file: WeightFile): Promise<{ count: number; size: number; at: number }> {
  const tailAt = Math.max(0, file.size - END_BYTES - MAX_COMMENT_BYTES);
  const tail = viewOf(await file.read(tailAt, file.size - tailAt));
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== SIGNATURE.end) end--;
  if (end < 0) throw damaged(file.name, 'it has no directory');
  const found = {
    count: tail.getUint16(end + 10, true),
    size: tail.getUint32(end + 12, true),
    at: tail.getUint32(end + 16, true),
  };
  const large = found.count === 0xffff || found.size === 0xffffffff || found.at === 0xffffffff;
  // The zip64 locator just before it (4.3.15) has the offset of the larger record (4.3.14).
  if (!large || end < 20 || tail.getUint32(end - 20, true) !== SIGNATURE.locator64) return found;
  const record = viewOf(await file.read(Number(tail.getBigUint64(end - 12, true)), 56));
  if (record.getUint32(0, true) !== SIGNATURE.end64) throw damaged(file.name, 'it has no zip64 directory');
  const [count, size, at] = [32, 40, 48].map((offset) => Number(record.getBigUint64(offset, true)));
  return { count: count!, size: size!, at: at! };
}

const STORED = 0;
const DEFLATED = 8;

/** Reads an entry of the directory (4.3.12) whose signature and length have been checked. */
function readListed(
  file: string,
  view: DataView,
  from: number,
  nameBytes: number,
  extraBytes: number,
): Listed {
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + from + 46, nameBytes));
  const fault = (reason: string) => new WeightFileError(file, reason, { tensor: name });
  if (name.startsWith('/') || name.includes('\\') || name.split('/').includes('..') || name.includes('\0'))
    throw fault('its archive has a file with a path outside the archive; nothing was read.');
  const [flags, method] = [view.getUint16(from + 8, true), view.getUint16(from + 10, true)];
  if (flags & 1) throw fault('its archive is encrypted; save it without a password.');
  if (method !== STORED && method !== DEFLATED)
    throw fault(
      `its archive compresses it with method ${method}, but only DEFLATE is supported; zip it again.`,
    );
  const large = wideFields(view, from + 46 + nameBytes, extraBytes);
  // In this order, each present only if the 32-bit field is full (4.5.3).
  const [size, packedSize, headerAt] = [24, 20, 42].map((offset) => {
    const value = view.getUint32(from + offset, true);
    return value === 0xffffffff ? (large.shift() ?? value) : value;
  });
  if (method === STORED && packedSize !== size)
    throw damaged(file, `'${printable(name)}' has two lengths, ${size} and ${packedSize}`);
  return {
    name,
    packed: method === DEFLATED,
    crc: view.getUint32(from + 16, true),
    packedSize: packedSize!,
    size: size!,
    headerAt: headerAt!,
  };
}

/** The lengths and the offset in zip64's extra field. */
function wideFields(view: DataView, from: number, bytes: number): number[] {
  for (let at = from; at + 4 <= from + bytes; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const count = Math.min(view.getUint16(at + 2, true), from + bytes - at - 4) >> 3;
    return Array.from({ length: count }, (_, i) => Number(view.getBigUint64(at + 4 + 8 * i, true)));
  }
  return [];
}

/** The error for an incomplete archive. */
export function damaged(file: string, why: string, cause?: unknown): WeightFileError {
  return new WeightFileError(file, `its zip archive is damaged or truncated (${why}); get it again.`, {
    cause,
  });
}
