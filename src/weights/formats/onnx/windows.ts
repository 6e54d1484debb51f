import type { Call, Value } from './layers.js';

/** Windows that move over a map, as an operator says. */
export interface Window {
  /** The map, with zeros around it where Keras' two kinds of padding do not say the same. */
  x: Value;
  padding: 'same' | 'valid';
  strides: number[];
  /** Height and width of what they give. */
  sizes: (number | null)[];
}

/**
 * How a convolution or a pooling moves over a map.
 *
 * @param reach height and width of the window, dilation included.
 * @param zeros whether zeros around the map do what the operator's padding does.
 */
export function windowOf(call: Call, x: Value, reach: readonly number[], zeros: boolean): Window {
  const strides = call.list('strides') ?? [1, 1];
  const given = call.list('pads') ?? [0, 0, 0, 0];
  const auto = call.text('auto_pad', 'NOTSET');
  if (reach.length !== 2 || strides.length !== 2 || given.length !== 4) call.fail('is not of two dimensions');
  if (![...reach, ...strides].every((one) => Number.isSafeInteger(one) && one >= 1))
    call.fail(`has a window of ${reach} and strides of ${strides}`);
  if (!given.every((one) => Number.isSafeInteger(one) && one >= 0)) call.refuse('pads', given);
  const sizes = x.shape.slice(0, 2);
  const totals = sizes.map((size, i) =>
    strides[i] === 1
      ? reach[i]! - 1
      : size === null
        ? null
        : Math.max((Math.ceil(size / strides[i]!) - 1) * strides[i]! + reach[i]! - size, 0),
  );
  const same = totals.includes(null)
    ? undefined
    : [...totals.map((total) => Math.floor(total! / 2)), ...totals.map((total) => Math.ceil(total! / 2))];
  const pads = auto === 'NOTSET' ? given : auto === 'VALID' ? [0, 0, 0, 0] : undefined;
  if (
    !pads &&
    auto !== 'SAME_UPPER' &&
    !(auto === 'SAME_LOWER' && totals.every((total) => total !== null && total % 2 === 0))
  ) {
    call.refuse('auto_pad', auto);
  }
  const after = (from: readonly (number | null)[], as: 'same' | 'valid') =>
    from.map((size, i) =>
      size === null
        ? null
        : as === 'same'
          ? Math.ceil(size / strides[i]!)
          : Math.floor((size - reach[i]!) / strides[i]!) + 1,
    );
  if (!pads || (same && pads.join() === same.join() && pads.some((one) => one > 0))) {
    return { x, padding: 'same', strides, sizes: after(sizes, 'same') };
  }
  if (pads.every((one) => one === 0)) return { x, padding: 'valid', strides, sizes: after(sizes, 'valid') };
  if (!zeros) call.refuse('pads', pads);
  const padded = paddedBy(call, x, pads, '_pad');
  return { x: padded, padding: 'valid', strides, sizes: after(padded.shape.slice(0, 2), 'valid') };
}

/** A map with zeros around it: rows before, columns before, rows after, columns after. */
export function paddedBy(
  call: Call,
  x: Value,
  [top, left, bottom, right]: readonly number[],
  suffix = '',
): Value {
  const padding = [
    [top!, bottom!],
    [left!, right!],
  ];
  const layer = call.add('ZeroPadding2D', { padding }, x, suffix);
  const [height, width, channels] = x.shape;
  return {
    ...x,
    layer,
    shape: [height! && height! + top! + bottom!, width! && width! + left! + right!, channels!],
  };
}
