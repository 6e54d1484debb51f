import { fromBase64 } from '../base/base64.js';
import { crc32 } from '../base/crc32.js';
import { isArrayBuffer } from '../base/realm.js';
import { PLAIN, RELAXED } from './binaries.js';

/**
 * The library's own WebAssembly, from `assembly/`, where each function is documented. Addresses and steps are bytes in the
 * memory of tfjs's backend; booleans are 0 and 1.
 */
export interface Kernels {
  filterBytes(points: number, inChannels: number, outChannels: number): number;
  prepareFilter(
    points: number,
    filter: number,
    inChannels: number,
    outChannels: number,
    rotated: number,
    firstPanel: number,
    endPanel: number,
    to: number,
    work: number,
  ): void;
  convolveBytes(points: number, inChannels: number, outChannels: number, tiles: number): number;
  convolve(
    points: number,
    ...rest: [
      ...x: [address: number, batch: number, height: number, width: number, channels: number],
      ...padding: [top: number, left: number],
      ...filter: [address: number, bias: number, relu: number],
      ...y: [address: number, height: number, width: number, channels: number],
      tiles: number,
      work: number,
    ]
  ): void;
  filterGradientBytes(points: number, inChannels: number, outChannels: number, tiles: number): number;
  filterGradient(
    points: number,
    ...rest: [
      ...x: [address: number, batch: number, height: number, width: number, channels: number],
      ...padding: [top: number, left: number],
      ...dy: [address: number, height: number, width: number, channels: number],
      gradient: number,
      tiles: number,
      work: number,
    ]
  ): void;
  directFilterBytes(
    filterHeight: number,
    filterWidth: number,
    inChannels: number,
    outChannels: number,
  ): number;
  directFilter(
    taps: number,
    filter: number,
    inChannels: number,
    outChannels: number,
    rotated: number,
    to: number,
  ): void;
  direct(
    ...args: [
      ...x: [address: number, batch: number, height: number, width: number, channels: number],
      ...padding: [top: number, left: number, paddedHeight: number, paddedWidth: number],
      ...filter: [address: number, height: number, width: number, strideHeight: number, strideWidth: number],
      bias: number,
      relu: number,
      ...y: [address: number, height: number, width: number, channels: number],
      work: number,
    ]
  ): void;
  directGradientBytes(
    inChannels: number,
    paddedHeight: number,
    paddedWidth: number,
    outHeight: number,
    outWidth: number,
    outChannels: number,
  ): number;
  directFilterGradient(
    ...args: [
      ...x: [address: number, batch: number, height: number, width: number, channels: number],
      ...padding: [top: number, left: number, paddedHeight: number, paddedWidth: number],
      ...dy: [address: number, height: number, width: number, channels: number],
      ...gradient: [
        address: number,
        filterHeight: number,
        filterWidth: number,
        strideHeight: number,
        strideWidth: number,
      ],
      work: number,
    ]
  ): void;
  maxPool(x: number, y: number, ...windows: Windows): void;
  maxPoolGradient(x: number, dy: number, dx: number, ...windows: Windows): void;
  maxPoolChoices(x: number, relu: number, y: number, choices: number, ...windows: Windows): void;
  spreadChoices(dy: number, choices: number, dx: number, ...windows: Windows): void;
  averagePool(x: number, y: number, ...windows: Windows): void;
  averagePoolGradient(dy: number, dx: number, ...windows: Windows): void;
  clamp(n: number, x: number, to: number, low: number, high: number): void;
  reluGradient(n: number, dy: number, y: number, to: number): void;
  sumRowsBytes(columns: number): number;
  sumRows(
    ...args: [
      ...x: [address: number, blocks: number, rows: number, columns: number],
      ...columns: [first: number, end: number],
      ...sums: [to: number, divisor: number, work: number],
    ]
  ): void;
  addNumbers(n: number, from: number, to: number): void;
  sumColumns(x: number, rows: number, columns: number, to: number, divisor: number): void;
  normBytes(channels: number): number;
  normSums(x: number, rows: number, channels: number, first: number, sums: number): void;
  normStatistics(
    ...args: [
      ...parts: [count: number, sums: number, rows: number, channels: number, first: number],
      ...numbers: [scale: number, epsilon: number],
      ...outputs: [mean: number, variance: number],
      ...running: [mean: number, variance: number, rate: number, nextMean: number, nextVariance: number],
    ]
  ): void;
  normFactors(channels: number, scale: number, variance: number, epsilon: number, sums: number): void;
  normApply(
    ...args: [
      ...x: [address: number, rows: number, channels: number],
      ...numbers: [mean: number, offset: number, relu: number, sums: number],
      y: number,
    ]
  ): void;
  normGradientSums(
    ...args: [
      ...tensors: [dy: number, x: number, rows: number, channels: number],
      ...statistics: [mean: number, variance: number],
      ...numbers: [scale: number, offset: number, epsilon: number, relu: number],
      sums: number,
    ]
  ): void;
  normGradients(
    ...args: [
      ...parts: [count: number, sums: number, rows: number, channels: number],
      ...numbers: [variance: number, offset: number, epsilon: number, relu: number],
      ...gradients: [scale: number, offset: number],
    ]
  ): void;
  normInputGradient(
    ...args: [
      ...tensors: [dy: number, x: number, rows: number, channels: number],
      ...numbers: [mean: number, offset: number, relu: number, sums: number],
      dx: number,
    ]
  ): void;
  sgdUpdate(n: number, weights: number, gradient: number, to: number, rate: number, decay: number): void;
  momentumUpdate(
    ...args: [
      ...tensors: [n: number, weights: number, gradient: number, velocity: number, to: number],
      ...numbers: [rate: number, momentum: number, decay: number],
      ...step: [ofVelocity: number, ofGradient: number],
    ]
  ): void;
  adamUpdate(
    ...args: [
      ...tensors: [n: number, weights: number, gradient: number, first: number, second: number, to: number],
      rate: number,
      ...first: [beta1: number, rest1: number],
      ...second: [beta2: number, rest2: number],
      ...scales: [first: number, second: number],
      epsilon: number,
      ...decay: [ofGradient: number, keep: number],
    ]
  ): void;
  denseGradientBytes(m: number, n: number): number;
  denseGradient(
    ...args: [
      ...size: [m: number, n: number, k: number, firstRow: number, endRow: number],
      ...tensors: [x: number, dy: number, weights: number, dx: number, behindRelu: number],
      ...step: [to: number, rule: number, state1: number, state2: number, ...numbers: number[]],
      work: number,
    ]
  ): void;
  productBytes(m: number, n: number, k: number, columnStepOfB: number): number;
  product(...args: Product): void;
  zeros(count: number, x: number): number;
  sparseBytes(n: number, k: number): number;
  sparseProduct(...args: Product): void;
  productOfFewBytes(m: number, n: number): number;
  productOfFew(
    ...args: [
      ...size: [m: number, n: number, k: number, firstColumn: number, endColumn: number],
      ...a: [address: number, rowStep: number],
      b: number,
      ...c: [address: number, bias: number, relu: number],
      work: number,
    ]
  ): void;
}

/** The geometry of a pooling. */
export type Windows = [
  ...input: [batch: number, height: number, width: number, channels: number],
  ...output: [height: number, width: number],
  ...filter: [height: number, width: number, strideHeight: number, strideWidth: number],
  ...padding: [top: number, left: number],
];

type Product = [
  ...size: [m: number, n: number, k: number, firstColumn: number, endColumn: number],
  ...a: [address: number, rowStep: number, columnStep: number],
  ...b: [address: number, rowStep: number, columnStep: number],
  ...c: [address: number, bias: number, relu: number],
  work: number,
];

/** `(module (func (result v128) i32.const 1 i8x16.splat i8x16.popcnt))`, or with relaxed SIMD's swizzle. */
const PROBE = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
const SIMD = [...PROBE, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const RELAXED_SIMD = [...PROBE, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11];

/** Whether the engine has relaxed SIMD, whose multiply-add is one instruction where the processor has it. */
export function hasRelaxedSimd(): boolean {
  return typeof WebAssembly !== 'undefined' && WebAssembly.validate(Uint8Array.from(RELAXED_SIMD));
}

/** Names the build of the kernels, in hexadecimal. */
export function kernelsId(): string {
  return crc32(fromBase64(PLAIN)).toString(16);
}

/** Throws unless the engine has 128-bit SIMD, and relaxed SIMD if that is asked for. */
export function checkSimd(relaxed: boolean): void {
  if (typeof WebAssembly === 'undefined') {
    throw new Error('installWasmKernels: this engine has no WebAssembly; use the cpu backend.');
  }
  if (!WebAssembly.validate(Uint8Array.from(SIMD))) {
    throw new Error(
      "installWasmKernels: this engine's WebAssembly has no 128-bit SIMD, which browsers have since 2021 (Safari 16.4, 2023); use a newer one, or the backend without these kernels.",
    );
  }
  if (relaxed && !hasRelaxedSimd()) {
    throw new Error(
      "installWasmKernels: relaxedSimd is true, but this engine's WebAssembly has no relaxed SIMD; use a newer one (Node 22, Chrome 114), or omit the option.",
    );
  }
}

/** Compiles and starts the library's WebAssembly on a memory. */
export function instantiate(memory: WebAssembly.Memory, relaxed: boolean): Kernels {
  const module = compile({ relaxed, shared: !isArrayBuffer(memory.buffer) });
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}

/**
 * Compiles the library's WebAssembly.
 *
 * @param options.shared whether the memory that it will run on is shared between threads.
 * @param options.relaxed whether to use the build with relaxed SIMD.
 */
export function compile({ shared, relaxed }: { shared: boolean; relaxed: boolean }): WebAssembly.Module {
  const bytes = fromBase64(relaxed ? RELAXED : PLAIN);
  if (shared) share(bytes);
  return new WebAssembly.Module(bytes);
}

/** Sets the bit that declares a module's imported memory, `env.memory`, as shared between threads. */
function share(bytes: Uint8Array): void {
  const name = [3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2];
  const at = bytes.findIndex((_, i) => name.every((byte, k) => bytes[i + k] === byte)) + name.length;
  bytes[at]! |= 2;
}
