import { readFileSync } from 'node:fs';
import { jpegSize } from '../../src/images/formats/jpegSize.js';

/**
 * Width and height of a PNG, JPEG or SVG in pixels.
 *
 * @throws Error for another file.
 */
export function imageSize(file: string): { width: number; height: number } {
  const bytes = readFileSync(file);
  const found = file.endsWith('.png')
    ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
    : file.endsWith('.svg')
      ? viewBox(bytes.toString())
      : jpegSize(bytes);
  if (!found) throw new Error(`${file} is not a PNG, JPEG or SVG whose size can be read.`);
  return found;
}

function viewBox(svg: string) {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  return width === undefined ? undefined : { width: Number(width), height: Number(height) };
}
