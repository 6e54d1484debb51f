import { gzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { reason } from '../../src/io/errors.js';
import { gunzip, isGzip } from '../../src/io/gunzip.js';
import { noise } from '../support/bytes.js';

const plain = noise(100_000);
const packed = gzipSync(plain);
const anything = { maxBytes: () => plain.length };

describe('gunzip', () => {
  test('returns what was packed', async () => {
    expect(await gunzip(packed, 'a.gz', anything)).toEqual(plain);
  });

  test('passes the head that the limit depends on', async () => {
    const heads: Uint8Array[] = [];
    const maxBytes = (head: Uint8Array) => {
      heads.push(head);
      return plain.length;
    };
    await gunzip(packed, 'a.gz', { headBytes: 16, maxBytes });
    expect(heads).toEqual([plain.subarray(0, 16)]);
  });

  test.each([
    ['cut off in the middle', packed.subarray(0, 50_000)],
    ['cut off at its checksum', packed.subarray(0, packed.length - 4)],
    ['cut off within its header', packed.subarray(0, 5)],
    ['damaged inside', packed.with(50_000, packed[50_000]! ^ 0xff).fill(0, 60_000, 60_100)],
    // As of bytes that a server calls compressed.
    [
      'damaged in its first block',
      Uint8Array.of(31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 1, 5, 0, 0, 0, ...packed.subarray(15)),
    ],
    ['damaged in its checksum', packed.with(packed.length - 6, packed[packed.length - 6]! ^ 0xff)],
  ])('says that a file %s is damaged', async (_, bytes) => {
    await expect(gunzip(bytes, 'a.gz', anything)).rejects.toMatchObject({
      name: 'DataError',
      source: 'a.gz',
      fault: 'damaged',
      message: expect.stringMatching(
        /^a\.gz: its gzip data is damaged or truncated \(.+\); get the file again\.$/,
      ),
    });
  });

  test.each([
    [new TypeError('', { cause: new Error('unexpected end') }), 'damaged (unexpected end)'],
    [new AggregateError([new Error('no way there')]), 'damaged (no way there)'],
    [new TypeError(''), 'damaged'],
  ])('gives the reason behind an error without a message', (cause, expected) => {
    expect(reason(new Error('damaged', { cause }))).toBe(expected);
  });

  test('stops a file that unpacks to more than allowed, long before its end', async () => {
    const zeros = new Blob([new Uint8Array(300_000_000)]).stream().pipeThrough(new CompressionStream('gzip'));
    const bomb = new Uint8Array(await new Response(zeros).arrayBuffer());
    // A browser does not tell.
    const memory = () => globalThis.process?.memoryUsage().rss ?? 0;
    const before = memory();
    await expect(gunzip(bomb, 'bomb.gz', { maxBytes: () => 1000 })).rejects.toThrow(
      'bomb.gz: it unpacks to more than the 1000 bytes it should hold; get the file again.',
    );
    expect(memory() - before).toBeLessThan(100_000_000);
  });

  test('knows gzip by its first two bytes', () => {
    expect(isGzip(packed)).toBe(true);
    expect(isGzip(plain)).toBe(false);
    expect(isGzip(new Uint8Array())).toBe(false);
  });
});
