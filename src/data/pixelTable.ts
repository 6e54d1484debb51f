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

const TABLE = 'use a table with a row for each image: its label, then the pixels of a square';

/** The length of a cell in a message. */
const MAX_CELL = 20;

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
      `its rows have ${columns} column${columns === 1 ? '' : 's'}; ${TABLE}, such as 785 columns for 28x28.`,
    );
  }
  // As many as there can be.
  const labels = new Uint8Array(Math.ceil((bytes.length - start) / (2 * columns)));
  const images = new Uint8Array(labels.length * (columns - 1));
  let row = 0;
  let column = 0;
  let value = 0;
  let digits = 0;
  const refuse = (at: number) => {
    const cell = cellAt(bytes, start, at);
    damaged(
      name,
      `image ${row} has ${cell === '' ? 'nothing' : `'${cell}'`} in column ${column}, where a whole number from 0 to 255 belongs; correct it, or get the file again.`,
    );
  };
  const put = (at: number) => {
    if (digits === 0 || value > 255) refuse(at);
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
    } else if (byte === COMMA) put(at);
    else if (byte === NEWLINE) {
      if (column === 0 && digits === 0) continue;
      put(at);
      if (column !== columns)
        damaged(name, `image ${row} has ${column} columns instead of ${columns}; get the file again.`);
      row++;
      column = 0;
    } else if (byte !== RETURN || (bytes[at + 1] ?? NEWLINE) !== NEWLINE) refuse(at);
  }
  return { side, images: images.subarray(0, row * (columns - 1)), labels: labels.subarray(0, row) };
}

/** Where the rows of numbers start. */
function headerEnd(bytes: Uint8Array, name: string): number {
  const end = bytes.indexOf(NEWLINE) + 1;
  const text = MARK.every((byte, i) => bytes[i] === byte) ? MARK.length : 0;
  const [first = ''] = new TextDecoder().decode(bytes.subarray(0, 100)).split(/[,\r\n]/);
  if (/^[-+.\d]/.test(first)) return text;
  const column = first.replaceAll('"', '').trim();
  const isNamed = column.toLowerCase() === 'label';
  if (isNamed && end > 0 && bytes.subarray(end).some((byte) => !isBreak(byte))) return end;
  if (isNamed || bytes.every(isBreak)) return damaged(name, `it has no images; ${TABLE}.`);
  return damaged(name, `its first column is '${column.slice(0, MAX_CELL)}' instead of label; ${TABLE}.`);
}

const isBreak = (byte: number) => byte === NEWLINE || byte === RETURN;

/** What is between two commas or ends of lines. */
function cellAt(bytes: Uint8Array, start: number, at: number): string {
  const isEnd = (i: number) => i < start || i >= bytes.length || bytes[i] === COMMA || bytes[i] === NEWLINE;
  let from = at;
  while (!isEnd(from - 1)) from--;
  let to = at;
  while (!isEnd(to)) to++;
  const text = new TextDecoder().decode(bytes.subarray(from, Math.min(to, from + 4 * MAX_CELL))).trim();
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}...` : text;
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
