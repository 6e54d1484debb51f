/*
 * The part of a pooling's window that lies within an image, along one axis. The output i starts at pixel `i * stride - before` of
 * the padded image.
 */

/** Its first pixel. */
// @ts-ignore: decorator
@inline
export function startOf(i: i32, stride: i32, before: i32): i32 {
  return max(0, i * stride - before);
}

/** How many pixels it has; none where the window has padding alone. */
// @ts-ignore: decorator
@inline
export function lengthOf(i: i32, stride: i32, before: i32, filter: i32, size: i32): i32 {
  return max(0, min(size, i * stride - before + filter) - startOf(i, stride, before));
}
