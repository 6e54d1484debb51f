import { DataError } from '../io/errors.js';

/** Labeled square images from a table. */
export interface PixelTable {
  /** Length and width of each image. */
  side: number;
  /** `[images, side, side]`, row by row. */
  images: Uint8Array;
  labels: Uint8Array;
}

const [NEWLINE, RETURN, COMMA, ZERO] = [0x0a, 0x0d, 0x2c, 0x30];

/** What some programs write before UTF-8; TextDecoder leaves it out. */
const MARK = [0xef, 0xbb, 0xbf];

/**
 * Reads a table (CSV) with a row for each image, as Kaggle has them: the label, then the pixels of a square image row by row, all
 * whole numbers from 0 to 255. A first row of names is skipped.
 *
 * @throws DataError (`damaged`) that names the row.
 */
export function parsePixelTable(bytes: Uint8Array, name: string): PixelTable {
  const start = headerEnd(bytes, name);
  const columns = columnsOf(bytes, start);
  const side = Math.sqrt(columns - 1);
  if (columns < 2 || !Number.isInteger(side)) {
    damaged(
      name,
      `its rows have ${columns} column${columns === 1 ? '' : 's'}; a label and the pixels of a square image are expected, such as 785 columns for 28x28.`,
    );
  }
  // As many as there can be.
  const labels = new Uint8Array(Math.ceil((bytes.length - start) / (2 * columns)));
  const images = new Uint8Array(labels.length * (columns - 1));
  let row = 0;
  let column = 0;
  let value = 0;
  let digits = 0;
  const put = () => {
    if (digits === 0 || value > 255) {
      damaged(
        name,
        `image ${row} has ${digits === 0 ? 'nothing' : value} in column ${column}; whole numbers from 0 to 255 are expected.`,
      );
    }
    if (column === 0) labels[row] = value;
    else if (column < columns) images[row * (columns - 1) + column - 1] = value;
    column++;
    value = 0;
    digits = 0;
  };
  for (let at = start; at <= bytes.length; at++) {
    const byte = bytes[at] ?? NEWLINE;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = 10 * value + digit;
      digits++;
    } else if (byte === COMMA) put();
    else if (byte === NEWLINE) {
      if (column === 0 && digits === 0) continue;
      put();
      if (column !== columns) damaged(name, `image ${row} has ${column} columns instead of ${columns}.`);
      row++;
      column = 0;
    } else if (byte !== RETURN || (bytes[at + 1] ?? NEWLINE) !== NEWLINE) {
      const found = new TextDecoder().decode(bytes.subarray(at, at + 1));
      damaged(
        name,
        `image ${row} has '${found}' in column ${column}; whole numbers from 0 to 255 are expected.`,
      );
    }
  }
  return { side, images: images.subarray(0, row * (columns - 1)), labels: labels.subarray(0, row) };
}

/** Where the rows of numbers start. */
function headerEnd(bytes: Uint8Array, name: string): number {
  const end = bytes.indexOf(NEWLINE) + 1;
  const text = MARK.every((byte, i) => bytes[i] === byte) ? MARK.length : 0;
  const [first = ''] = new TextDecoder().decode(bytes.subarray(0, 100)).split(/[,\r\n]/);
  if (/^\d/.test(first)) return text;
  const column = first.replaceAll('"', '').trim();
  if (column.toLowerCase() === 'label' && end > 0) return end;
  return damaged(
    name,
    `its first column is '${column.slice(0, 20)}' instead of label; use a table whose rows have the label and the pixels.`,
  );
}

function columnsOf(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(NEWLINE, start);
  return bytes
    .subarray(start, end < 0 ? bytes.length : end)
    .reduce((n, byte) => n + Number(byte === COMMA), 1);
}

function damaged(name: string, sentence: string): never {
  throw new DataError(name, 'damaged', sentence);
}
