import { timesOf } from './timing.mjs';

/** How fast one thread of this machine multiplies and reads memory in WebAssembly. */
export interface Peaks {
  /** Billions of floating-point operations per second. */
  gflops: number;
  /** Billions of bytes read from memory per second. */
  gigabytes: number;
  /** Whether the engine has a fused multiply-add (relaxed SIMD). */
  fused: boolean;
}

interface Kernels {
  memory: WebAssembly.Memory;
  /** Multiplies and adds `LANES` numbers `CHAINS` times in each iteration. */
  compute(iterations: number): number;
  /** Reads the first `bytes`, a multiple of 16, of each of `PLACES` parts of the memory. */
  read(bytes: number): number;
}

/** Independent sums, so that no instruction waits for another's result. */
const CHAINS = 12;
const LANES = 4;
/** Far more than the cache of any core. */
const READ_BYTES = 2 ** 28;
/** Places that are read in turns: from one alone, some processors fetch half as fast. */
const PLACES = 8;

/** Measures the peaks, in the fastest of many short runs: interference only makes a run slower. */
export async function measurePeaks(): Promise<Peaks> {
  const fused = WebAssembly.validate(moduleOf(true));
  const { instance } = await WebAssembly.instantiate(moduleOf(fused));
  const { memory, compute, read } = instance.exports as unknown as Kernels;
  // Pages that were never written to all map to the same physical page, which is in the cache.
  new Uint8Array(memory.buffer).fill(1);
  const iterations = 2e6;
  const [computing] = await timesOf(() => compute(iterations), { clock: 'processor', runs: 60 });
  const [reading] = await timesOf(() => read(READ_BYTES / PLACES), { clock: 'processor', runs: 30 });
  return {
    gflops: (iterations * CHAINS * LANES * 2) / computing! / 1e6,
    gigabytes: READ_BYTES / reading! / 1e6,
    fused,
  };
}

/** WebAssembly's opcodes, https://webassembly.github.io/spec/core/appendix/index-instructions.html */
const op = {
  local: (index: number) => [0x20, index],
  set: (index: number) => [0x21, index],
  i32: (value: number) => [0x41, ...signed(value)],
  f32: (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)],
  splat: [0xfd, 0x13],
  add: [0xfd, 0xe4, 0x01],
  multiply: [0xfd, 0xe6, 0x01],
  multiplyAdd: [0xfd, 0x85, 0x02],
  load: (offset: number) => [0xfd, 0x00, 4, ...unsigned(offset)],
  lane0: [0xfd, 0x1f, 0],
  subtractWhole: [0x6b],
} as const;

function moduleOf(fused: boolean): Uint8Array<ArrayBuffer> {
  const [counter, first] = [0, 1];
  const chains = Array.from({ length: CHAINS }, (_, i) => first + i);
  const [factor, term] = [first + CHAINS, first + CHAINS + 1];
  const step = fused
    ? (chain: number) => [...op.local(chain), ...op.local(factor), ...op.local(term), ...op.multiplyAdd]
    : (chain: number) => [
        ...op.local(chain),
        ...op.local(factor),
        ...op.multiply,
        ...op.local(term),
        ...op.add,
      ];
  const compute = [
    ...chains.flatMap((chain) => [...op.f32(1 + chain), ...op.splat, ...op.set(chain)]),
    ...[...op.f32(0.999), ...op.splat, ...op.set(factor)],
    ...[...op.f32(0.001), ...op.splat, ...op.set(term)],
    ...loop([
      ...chains.flatMap((chain) => [...step(chain), ...op.set(chain)]),
      ...[...op.local(counter), ...op.i32(1), ...op.subtractWhole, 0x22, counter],
    ]),
    ...sumOf(chains),
  ];
  const sums = Array.from({ length: PLACES }, (_, i) => first + i);
  const read = [
    ...loop([
      ...[...op.local(counter), ...op.i32(16), ...op.subtractWhole, ...op.set(counter)],
      ...sums.flatMap((sum, i) => [
        ...[...op.local(sum), ...op.local(counter), ...op.load(i * (READ_BYTES / PLACES)), ...op.add],
        ...op.set(sum),
      ]),
      ...op.local(counter),
    ]),
    ...sumOf(sums),
  ];
  const F32 = 0x7d;
  const I32 = 0x7f;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 1, F32]),
    ...section(3, [2, 0, 0]),
    ...section(5, [1, 0, ...unsigned(READ_BYTES / 2 ** 16)]),
    ...section(7, [3, ...named('memory'), 2, 0, ...named('compute'), 0, 0, ...named('read'), 0, 1]),
    ...section(10, [2, ...body(compute, CHAINS + 2), ...body(read, sums.length)]),
  ]);
}

/** Repeats instructions that leave a number on the stack until it is zero. */
function loop(instructions: readonly number[]): number[] {
  return [0x03, 0x40, ...instructions, 0x0d, 0, 0x0b];
}

function sumOf(chains: readonly number[]): number[] {
  return [
    ...op.local(chains[0]!),
    ...chains.slice(1).flatMap((chain) => [...op.local(chain), ...op.add]),
    ...op.lane0,
  ];
}

function body(instructions: readonly number[], vectors: number): number[] {
  const code = [1, vectors, 0x7b, ...instructions, 0x0b];
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function named(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)];
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

/** A whole number from 0 up as signed LEB128: bit 6 of the last byte is the sign, so it must be 0. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value % 128) + 128, ...signed(Math.floor(value / 128))];
}
