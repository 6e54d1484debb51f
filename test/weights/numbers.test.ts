import { expect, test } from 'vitest';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { countNonFinite, decoder, encode } from '../../src/weights/formats/numbers.js';
import { readSafetensors } from '../../src/weights/formats/safetensors.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import { fixture } from '../support/fixtures.js';

const every16 = new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).buffer);
const isNaN16 = (half: number, infinity: number) => (half & 0x7fff) > infinity;

test.each([
  ['F16', 0x7c00],
  ['BF16', 0x7f80],
] as const)('every number of %s comes back as it was, and NaN as one', (dtype, infinity) => {
  const halves = new Uint16Array(every16.buffer);
  const back = new Uint16Array(encode(decoder(dtype, 2 ** 16)(every16).slice(), dtype).buffer);
  const wrong = [...halves].filter(
    (half, i) => back[i] !== half && !(isNaN16(half, infinity) && isNaN16(back[i]!, infinity)),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ['one', 0x3c00, 1],
  ['the least subnormal', 0x0001, 2 ** -24],
  ['the greatest subnormal', 0x03ff, 1023 * 2 ** -24],
  ['the largest', 0x7bff, 65504],
  ['less than nothing', 0xc000, -2],
  ['infinity', 0x7c00, Number.POSITIVE_INFINITY],
])('%s of float16 is what IEEE 754 says', (_, half, number) => {
  expect(decoder('F16', 1)(new Uint8Array(Uint16Array.of(half).buffer))[0]).toBe(number);
});

test.each(['vgg16-narrow', 'vgg11bn-narrow'])('%s rounds to halves as PyTorch rounds it', async (name) => {
  const exact = await numbersOf(`torch/${name}.safetensors`);
  for (const [dtype, ending] of [
    ['F16', '-f16'],
    ['BF16', '-bf16'],
  ] as const) {
    const halves = await bytesOf(`torch/${name}${ending}.safetensors`);
    for (const [tensor, numbers] of exact)
      expect(encode(numbers, dtype), `${tensor} ${dtype}`).toEqual(halves.get(tensor));
  }
});

test('quantized numbers have a scale and a minimum', () => {
  expect([...decoder('U8', 3, { scale: 0.5, min: -1 })(Uint8Array.of(0, 1, 255))]).toEqual([-1, -0.5, 126.5]);
});

test('whole numbers of every size become floats', () => {
  expect(decoder('I64', 1)(new Uint8Array(BigInt64Array.of(-5n).buffer))[0]).toBe(-5);
  expect(decoder('U64', 1)(new Uint8Array(BigUint64Array.of(7n).buffer))[0]).toBe(7);
  expect(decoder('F64', 1)(new Uint8Array(Float64Array.of(0.1).buffer))[0]).toBe(Math.fround(0.1));
  expect(decoder('I8', 1)(new Uint8Array(Int8Array.of(-3).buffer))[0]).toBe(-3);
});

test('counts numbers that are not finite', () => {
  expect(
    countNonFinite(
      Float32Array.of(1, Number.NaN, -3e38, Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY),
    ),
  ).toBe(3);
  expect(countNonFinite(Float32Array.of(1, -2, 3e38, 1e-45))).toBe(0);
});

async function bytesOf(name: string): Promise<Map<string, Uint8Array>> {
  const { tensors } = await readSafetensors(fileOfBytes(name, await fixture(name)));
  const read = tensors
    .filter(({ dtype }) => dtype !== 'I64')
    .map(async (tensor) => {
      const bytes = new Uint8Array(byteLength(tensor));
      await tensor.open().readInto(bytes);
      return [tensor.name, bytes] as const;
    });
  return new Map(await Promise.all(read));
}

async function numbersOf(name: string): Promise<Map<string, Float32Array>> {
  return new Map(
    [...(await bytesOf(name))].map(([tensor, bytes]) => [tensor, new Float32Array(bytes.buffer)]),
  );
}
