import { crc32 } from '../../../base/crc32.js';
import { type Content, concatenated, contentOf } from '../content.js';
import { viewOf } from '../numbers.js';

/** A file for an archive. */
interface NewEntry {
  name: string;
  content: Content;
}

/** The bytes of every file start at a multiple of this, as in torch.save's archives, so that they can be mapped. */
const ALIGNMENT = 64;

/** Larger archives need another kind of directory (zip64), and no VGG is that large. */
const MAX_BYTES = 2 ** 32 - 1;

/**
 * A zip archive whose files are stored uncompressed (PKWARE's APPNOTE.TXT 4.3). All are dated 1980-01-01, so that the same
 * content gives the same bytes.
 *
 * @throws RangeError when it would have 4 GiB or more.
 */
export function zipOf(entries: readonly NewEntry[]): Content {
  const files: (NewEntry & { name: string; encoded: Uint8Array; offset: number; header: number })[] = [];
  let at = 0;
  for (const { name, content } of entries) {
    const encoded = new TextEncoder().encode(name);
    // The rest of the header is an extra field of zeros, of at least four bytes.
    const minimum = at + 30 + encoded.length + 4;
    const header = Math.ceil(minimum / ALIGNMENT) * ALIGNMENT - at;
    files.push({ name, content, encoded, offset: at, header });
    at += header + content.size;
  }
  const directory = files.reduce((sum, { encoded }) => sum + 46 + encoded.length, 0);
  if (at + directory + 22 > MAX_BYTES) {
    throw new RangeError(
      `encodeWeights: the archive would have ${at + directory} bytes, more than the limit of 4 GiB; use the container 'safetensors'.`,
    );
  }
  const sums: number[] = [];
  const stored = files.map(
    ({ encoded, header, content }): Content => ({
      size: header + content.size,
      async write(into) {
        const data = into.subarray(header);
        await content.write(data);
        const sum = crc32(data);
        sums.push(sum);
        const view = viewOf(into);
        view.setUint32(0, 0x04034b50, true);
        describe(view, 4, { encoded, size: content.size, sum, extra: header - 30 - encoded.length });
        into.set(encoded, 30);
        view.setUint16(30 + encoded.length, PADDING, true);
        view.setUint16(32 + encoded.length, header - 34 - encoded.length, true);
      },
    }),
  );
  const listed = files.map(
    ({ encoded, offset, content }, i): Content => ({
      size: 46 + encoded.length,
      async write(into) {
        const view = viewOf(into);
        view.setUint32(0, 0x02014b50, true);
        view.setUint16(4, VERSION, true);
        describe(view, 6, { encoded, size: content.size, sum: sums[i]!, extra: 0 });
        view.setUint32(42, offset, true);
        into.set(encoded, 46);
      },
    }),
  );
  return concatenated([...stored, ...listed, contentOf(endOf(files.length, at, directory))]);
}

/** The version of the format that a reader needs: 2.0. */
const VERSION = 20;

/** The extra field's own id, `FB` as in PyTorch's archives. */
const PADDING = 0x4246;

/** Writes the fields that a file's header and its directory entry have in common. */
function describe(
  view: DataView,
  at: number,
  file: { encoded: Uint8Array; size: number; sum: number; extra: number },
): void {
  view.setUint16(at, VERSION, true);
  // Names are UTF-8, nothing is compressed, and the date is the earliest there is.
  view.setUint16(at + 2, 0x0800, true);
  view.setUint16(at + 8, 0x0021, true);
  view.setUint32(at + 10, file.sum, true);
  view.setUint32(at + 14, file.size, true);
  view.setUint32(at + 18, file.size, true);
  view.setUint16(at + 22, file.encoded.length, true);
  view.setUint16(at + 24, file.extra, true);
}

function endOf(count: number, directoryAt: number, directoryBytes: number): Uint8Array {
  const end = new Uint8Array(22);
  const view = viewOf(end);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, directoryBytes, true);
  view.setUint32(16, directoryAt, true);
  return end;
}
