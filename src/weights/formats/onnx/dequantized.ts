import { size } from '../../../base/shapes.js';
import { decoder } from '../numbers.js';
import { BYTES_PER_ELEMENT, type StoredTensor } from '../tensor.js';

/**
 * A tensor of whole numbers that stand for others, each slice along an axis with a scale and a zero of its own, as float32.
 *
 * @param scales one, or one for each slice; `zeros` as many.
 */
export function dequantized(
  tensor: StoredTensor,
  { scales, zeros, axis }: { scales: readonly number[]; zeros: readonly number[]; axis: number },
): StoredTensor {
  const { dtype, shape } = tensor;
  const inner = size(shape.slice(axis + 1));
  return {
    ...tensor,
    dtype: 'F32',
    open() {
      const stream = tensor.open();
      let at = 0;
      return {
        async readInto(into) {
          const count = into.length / 4;
          const stored = new Uint8Array(count * BYTES_PER_ELEMENT[dtype]);
          await stream.readInto(stored);
          const numbers = count === 0 ? [] : decoder(dtype, count)(stored);
          const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
          for (let i = 0; i < count; i++, at++) {
            const slice = scales.length === 1 ? 0 : Math.floor(at / inner) % scales.length;
            view.setFloat32(4 * i, (numbers[i]! - zeros[slice]!) * scales[slice]!, true);
          }
        },
        close: () => stream.close(),
      };
    },
  };
}
