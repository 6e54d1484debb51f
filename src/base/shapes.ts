/** How many numbers a tensor of this shape holds. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
