import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { isArrayBuffer, isBlob, isBytes, isError, isUrl, messageOf } from '../../src/base/realm.js';
import { DataError } from '../../src/data/index.js';
import { readBytes } from '../../src/io/read.js';
import { encodeTensors, readTensors, WeightFileError } from '../../src/weights/index.js';

/** The value of a program in a realm of its own, as each test file has one under Jest. */
const elsewhere = runInNewContext;

describe('objects of another realm', () => {
  test('are known by tag', () => {
    const [bytes, buffer, shared, error] = elsewhere(
      '[new Uint8Array(3), new ArrayBuffer(3), new SharedArrayBuffer(3), new RangeError("no")]',
    );
    for (const value of [bytes, buffer, error]) expect(value).not.toBeInstanceOf(Object);
    expect([bytes, buffer, shared].map(isBytes)).toEqual([true, false, false]);
    expect([bytes, buffer, shared].map(isArrayBuffer)).toEqual([false, true, false]);
    expect([error, AbortSignal.abort().reason, { message: 'no' }, 'no'].map(isError)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([error, 'no'].map(messageOf)).toEqual(['no', 'no']);
    expect([new Blob([]), new File([], 'a'), new URL('a:b'), {}].map(isBlob)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([new URL('a:b'), 'a:b', null, undefined].map(isUrl)).toEqual([true, false, false, false]);
  });

  test('are read as bytes', async () => {
    expect([...(await readBytes(elsewhere('Uint8Array.of(1, 2)')))]).toEqual([1, 2]);
    expect([...(await readBytes(elsewhere('Uint8Array.of(1, 2).buffer')))]).toEqual([1, 2]);
  });

  test('are written as the numbers they hold', async () => {
    const bytes = encodeTensors({ half: { shape: [1], data: elsewhere('Float32Array.of(0.5)') } });
    expect((await readTensors(bytes)).get('half')!.data).toEqual(Float32Array.of(0.5));
  });
});

describe('errors of another copy of the library', () => {
  test('are instances of its classes, and of no others', async () => {
    vi.resetModules();
    const other = {
      ...(await import('../../src/data/index.js')),
      ...(await import('../../src/weights/index.js')),
    };
    const [data, weights] = [
      new other.DataError('a', 'damaged', 'it is cut off.'),
      new other.WeightFileError('a', 'it is cut off.'),
    ];
    expect(other.DataError).not.toBe(DataError);
    expect(data).toBeInstanceOf(DataError);
    expect(weights).toBeInstanceOf(WeightFileError);
    expect(data).not.toBeInstanceOf(WeightFileError);
    // A browser's IndexedDB has errors of this name.
    expect(new DOMException('no', 'DataError')).not.toBeInstanceOf(DataError);
    class Mine extends DataError {}
    expect(data).not.toBeInstanceOf(Mine);
    expect(new Mine('a', 'damaged', 'it is cut off.')).toBeInstanceOf(Mine);
  });
});
