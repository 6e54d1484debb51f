const PAGE = 2 ** 16;

/** Addresses are multiples of a cache line, in bytes. */
const LINE = 64;

/** Allocates and frees parts of a memory that nothing else uses. */
export class Allocator {
  readonly #memory: WebAssembly.Memory;
  /** The free blocks, in order; no two are adjacent. */
  #free: { from: number; to: number }[] = [];
  #end = LINE;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Returns the address of new memory: in the first free block that is large enough, or at the end, growing the memory. */
  allocate(bytes: number): number {
    const size = aligned(bytes);
    const block = this.#free.find(({ from, to }) => to - from >= size);
    if (block) {
      block.from += size;
      this.#free = this.#free.filter(({ from, to }) => from < to);
      return block.from - size;
    }
    const missing = this.#end + size - this.#memory.buffer.byteLength;
    if (missing > 0) this.#grow(missing);
    this.#end += size;
    return this.#end - size;
  }

  /** Frees memory that was allocated with this size. */
  free(address: number, bytes: number): void {
    const blocks = [...this.#free, { from: address, to: address + aligned(bytes) }];
    blocks.sort((a, b) => a.from - b.from);
    this.#free = [];
    for (const block of blocks) {
      const last = this.#free.at(-1);
      if (last?.to === block.from) last.to = block.to;
      else this.#free.push(block);
    }
    if (this.#free.at(-1)?.to === this.#end) this.#end = this.#free.pop()!.from;
  }

  #grow(bytes: number): void {
    try {
      this.#memory.grow(Math.ceil(bytes / PAGE));
    } catch (error) {
      throw new RangeError(
        `installWasmKernels: a helper thread's memory (at most 4 GB) cannot grow by ${bytes} bytes; use a smaller batch or one thread.`,
        { cause: error },
      );
    }
  }
}

const aligned = (bytes: number) => Math.ceil(Math.max(bytes, 1) / LINE) * LINE;
