import { outputSize, type Padding } from '../../../core/sizes.js';

type Config = Record<string, unknown>;
type Attributes = Record<string, number | readonly number[] | string>;

/** The axes of tfjs that are channels, rows and columns. */
export function mapAxes({ dataFormat }: Config): [channels: number, rows: number, columns: number] {
  return dataFormat === 'channelsFirst' ? [1, 2, 3] : [3, 1, 2];
}

export function pairOf(value: unknown): [number, number] {
  const [rows, columns = rows] = [value].flat() as number[];
  return [rows!, columns!];
}

/** What a window gives along rows and columns, and its padding. */
export function windowOf(
  config: Config,
  sizes: readonly (number | null)[],
  window: readonly [number, number],
): { sizes: (number | null)[]; attributes: Attributes } {
  const strides = pairOf(config.strides ?? window);
  const padding = config.padding as Padding;
  const given = sizes.map((one, i) =>
    one === null ? null : outputSize(one, window[i]!, strides[i]!, padding),
  );
  const attributes: Attributes = { strides };
  if (padding === 'same') {
    // What tfjs pads depends on the size, except for a stride of 1.
    const totals = sizes.map((one, i) => {
      if (strides[i] === 1) return window[i]! - 1;
      return one === null ? null : Math.max((given[i]! - 1) * strides[i]! + window[i]! - one, 0);
    });
    if (totals.includes(null)) attributes.auto_pad = 'SAME_UPPER';
    else attributes.pads = padsOf(totals as number[]);
  }
  return { sizes: given, attributes };
}

/** ONNX's order: all beginnings, then all ends, which get the odd one. */
export function padsOf(totals: readonly number[]): number[] {
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))];
}
