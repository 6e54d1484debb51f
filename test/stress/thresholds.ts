/**
 * The sizes and thresholds that decide how kernels divide their work, so low here that small shapes take every path: a handful of
 * terms fills a block, each tile is a group of its own, and any work is worth another thread.
 */
const THRESHOLDS: Record<string, Record<string, string>> = {
  'assembly/direct.ts': { PACKED: '1' },
  'assembly/gemm.ts': { SECOND_CACHE: '1', MIN_TERMS: '1' },
  'assembly/norm.ts': { ROWS: '3' },
  'assembly/product.ts': {
    ...{
      TERMS: '4',
      FEWER_TERMS: '3',
      FEW_ROWS: '2',
      PACKED: '64',
      ROWS: '3',
      UNDER_WAY: '1',
      MIN_COLUMNS: '8',
    },
  },
  'assembly/sparse.ts': { TERMS: '3', PACKED: '1', FIRST_CACHE: '1', ROWS: '2' },
  'assembly/sum.ts': { ROWS: '3' },
  'src/wasm/conv2dBackpropFilter.ts': { MIN_WEIGHTS: '1' },
  'src/wasm/convolution.ts': { PLANES: '1', MIN_TILES: '4', MIN_CHANNELS: '4' },

  'src/wasm/pool.ts': { PART: '1' },
  'src/wasm/parts.ts': { MIN_WORK: '1' },
  'src/wasm/run.ts': { MIN_WORK: '0.001', UNIT: '4' },
  'src/wasm/product.ts': { FEW: '2', ZEROS: '{ fraction: 0, rows: 1, columns: 1 }' },
};

/** A file's text with its thresholds lowered; unchanged if it has none. */
export function lowered(file: string, text: string): string {
  return Object.entries(THRESHOLDS[file] ?? {}).reduce((text, [name, value]) => {
    const declaration = new RegExp(`^(const ${name}(?:: i32)? = )[^;]+;`, 'm');
    if (!declaration.test(text))
      throw new Error(`${file} has no constant ${name}; test/stress/thresholds.ts lowers it.`);
    return text.replace(declaration, `$1${value};`);
  }, text);
}
