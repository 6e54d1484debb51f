/** Where rows of float32 numbers, all of one length, are kept. */
export interface RowStore {
  /** Keeps rows that follow each other, `rowLength` numbers each, from row `first` on. */
  write(first: number, rows: Float32Array): Promise<void>;
  /** The numbers of some rows, in the order that they are asked for. */
  read(rows: readonly number[]): Promise<Float32Array>;
  /** Frees what is kept. */
  dispose(): Promise<void>;
}

/** Makes a place for a number of rows; it says so if there is not enough of it. */
export type OpenRowStore = (size: { rows: number; rowLength: number }) => Promise<RowStore>;

/** Rows in memory. */
export const inMemory: OpenRowStore = async ({ rows, rowLength }) => {
  let all = new Float32Array(rows * rowLength);
  return {
    async write(first, values) {
      all.set(values, first * rowLength);
    },
    async read(wanted) {
      const values = new Float32Array(wanted.length * rowLength);
      wanted.forEach((row, i) => {
        values.set(all.subarray(row * rowLength, (row + 1) * rowLength), i * rowLength);
      });
      return values;
    },
    async dispose() {
      all = new Float32Array();
    },
  };
};
