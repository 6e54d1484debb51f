import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type OwnCall, runEach } from './run.js';

/** Images from bytes, a quarter of the numbers' size, resized on the way: bilinear with half-pixel centers, as tfjs does. */
export function fromBytes({ backend, inputs, attrs }: OwnCall<'FromBytes'>): TensorInfo {
  const { bytes, values } = inputs;
  const { shape, size: sides } = attrs;
  const [images, height, width, channels] = shape;
  const [outHeight, outWidth] = sides;
  const output = [images, outHeight, outWidth, channels];
  const isResized = outHeight !== height || outWidth !== width;
  /** Where a row or column comes from: two of so many, and how far it is from the first to the second. */
  const place = (name: string, index: string, length: number, outLength: number) => `
  let from${name} = (f32(${index}) + 0.5) * ${length / outLength} - 0.5;
  let ${name}0 = max(0, i32(floor(from${name})));
  let ${name}1 = min(${length - 1}, i32(ceil(from${name})));
  let part${name} = from${name} - f32(${name}0);`;
  const at = (row: string, column: string) =>
    `pixel(((image * ${height} + ${row}) * ${width} + ${column}) * ${channels} + channel, channel)`;
  return runEach(backend, {
    name: `images from bytes ${[height, width, channels, ...sides]}`,
    inputs: values ? { bytes, values } : { bytes },
    output,
    count: size(output),
    declarations: `
fn pixel(i : i32, channel : i32) -> f32 {
  let byte = (bytes[i / 4] >> u32(i % 4 * 8)) & 255;
  return ${values ? 'values[256 * channel + byte]' : 'f32(byte) / 255.0'};
}`,
    code: isResized
      ? `
  let channel = i % ${channels};
  let image = i / ${channels * outWidth * outHeight};
  ${place('Row', `i / ${channels * outWidth} % ${outHeight}`, height, outHeight)}
  ${place('Column', `i / ${channels} % ${outWidth}`, width, outWidth)}
  let left = ${at('Row0', 'Column0')};
  let right = ${at('Row0', 'Column1')};
  let lowerLeft = ${at('Row1', 'Column0')};
  let lowerRight = ${at('Row1', 'Column1')};
  let top = left + (right - left) * partColumn;
  let bottom = lowerLeft + (lowerRight - lowerLeft) * partColumn;
  result[i] = top + (bottom - top) * partRow;`
      : `result[i] = pixel(i, i % ${channels});`,
  });
}
