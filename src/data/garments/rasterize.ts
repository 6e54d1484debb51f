/** A corner of an outline, in pixels: x to the right, y down, from the upper left corner of the image. */
export type Point = readonly [x: number, y: number];

/**
 * How much of each pixel of an image lies inside a polygon: exact areas from 0 to 1, in rows from the top. The
 * polygon may reach out of the image; where it overlaps itself the pixel is covered once.
 *
 * Each edge records, in each row, how the area changes from one pixel to the next. A running sum along the row turns changes
 * into areas, so the time depends on the lengths of the edges and not on corners times pixels.
 *
 * @param outline the corners in order; the last is joined to the first.
 */
export function coverage(outline: readonly Point[], width: number, height: number): Float32Array {
  const stride = width + 1;
  const changes = new Float32Array(stride * height);
  outline.forEach((from, i) => {
    const to = outline[(i + 1) % outline.length]!;
    if (from[1] < to[1]) addEdge(changes, width, height, from, to, 1);
    else if (to[1] < from[1]) addEdge(changes, width, height, to, from, -1);
  });
  const areas = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    let area = 0;
    for (let x = 0; x < width; x++) {
      area += changes[y * stride + x]!;
      areas[y * width + x] = Math.min(1, Math.abs(area));
    }
  }
  return areas;
}

/** Adds the changes of the edge from `top` down to `bottom`: everything to its right gains `sign` times its height. */
function addEdge(
  changes: Float32Array,
  width: number,
  height: number,
  top: Point,
  bottom: Point,
  sign: number,
): void {
  const slope = (bottom[0] - top[0]) / (bottom[1] - top[1]);
  const last = Math.min(height, Math.ceil(bottom[1]));
  for (let y = Math.max(0, Math.floor(top[1])); y < last; y++) {
    const from = Math.max(y, top[1]);
    const to = Math.min(y + 1, bottom[1]);
    const x0 = top[0] + (from - top[1]) * slope;
    const x1 = top[0] + (to - top[1]) * slope;
    addSpan(changes, y * (width + 1), width, Math.min(x0, x1), Math.max(x0, x1), sign * (to - from));
  }
}

/** Adds the part of an edge that lies within one row: `rise` of height, spread evenly from `left` to `right`. */
function addSpan(
  changes: Float32Array,
  row: number,
  width: number,
  left: number,
  right: number,
  rise: number,
): void {
  if (left >= width) return;
  const column = Math.max(-1, Math.floor(left));
  if (right > column + 1) {
    const here = (rise * (column + 1 - left)) / (right - left);
    addSpan(changes, row, width, left, column + 1, here);
    addSpan(changes, row, width, column + 1, right, rise - here);
  } else if (column < 0) {
    changes[row]! += rise;
  } else {
    const beyond = (left + right) / 2 - column;
    changes[row + column]! += rise * (1 - beyond);
    changes[row + column + 1]! += rise * beyond;
  }
}
