import { expect, test } from 'vitest';
import { statedSize } from '../../src/images/formats/statedSize.js';

const svg = (attributes: string) =>
  statedSize('SVG', new TextEncoder().encode(`<?xml version="1.0"?><!-- a --><svg ${attributes}><g/></svg>`));

test.each<[string, number, number]>([
  ['width="300" height="16"', 300, 16],
  ["width='3e8' height='1in'", 3e8, 96],
  ['width="2.54cm" height="10mm"', 96, 960 / 25.4],
  ['viewBox="0 0 1e9 20"', 1e9, 20],
  ['viewBox="-5, -5, 30,20" width="100%"', 30, 20],
  // A large box may be drawn small, in its own proportions.
  ['viewBox="0 0 1e9 2e9" width="10"', 10, 20],
  ['viewBox="0 0 1e9 2e9" height="10px"', 5, 10],
  ['data-a=">" stroke-width="9" width="7" height="8"', 7, 8],
  ['width="-5" height="x"', 0, 0],
  ['', 0, 0],
])('an SVG with %s is %d x %d pixels', (attributes, width, height) => {
  const size = svg(attributes)!;
  expect(size.width).toBeCloseTo(width);
  expect(size.height).toBeCloseTo(height);
});

test('an AVIF has the largest size that its parts state, and other formats none here', () => {
  const box = (width: number, height: number) => {
    const bytes = new Uint8Array(20);
    bytes.set([0, 0, 0, 20, ...new TextEncoder().encode('ispe')]);
    new DataView(bytes.buffer).setUint32(12, width);
    new DataView(bytes.buffer).setUint32(16, height);
    return bytes;
  };
  const bytes = Uint8Array.from([1, 2, ...box(512, 512), 3, ...box(0x10000018, 700), ...box(9, 9)]);
  expect(statedSize('AVIF', bytes.subarray(1))).toEqual({ width: 0x10000018, height: 700 });
  // Cut, or under another name.
  expect(statedSize('AVIF', box(5, 5).subarray(0, 19))).toBeUndefined();
  expect(statedSize('AVIF', new TextEncoder().encode('an ispe is not a box of 20 bytes'))).toBeUndefined();
  expect(statedSize('PNG', bytes)).toBeUndefined();
});
