/** How often the direction of the largest variance is refined. Each time it gains a factor of the ratio of the two largest. */
const MOST_STEPS = 5000;

/**
 * The projection of the rows of a matrix onto the first principal component of their columns, centered, in float64 by power
 * iteration on the smaller of the two Gram matrices. Its sign is that by which rows of larger sums get larger numbers.
 *
 * @param values `rows * columns` numbers, row by row.
 */
export function firstComponent(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  const centered = centeredColumns(values, rows, columns);
  // An eigenvector of the rows' Gram matrix is the projection itself, up to its length.
  const byRows = rows <= columns;
  const [count, length] = byRows ? [rows, columns] : [columns, rows];
  const at = (i: number, k: number) => (byRows ? i * columns + k : k * columns + i);
  const gram = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      let dot = 0;
      for (let k = 0; k < length; k++) dot += centered[at(i, k)]! * centered[at(j, k)]!;
      gram[i * count + j] = dot;
      gram[j * count + i] = dot;
    }
  }
  const { vector, value } = largestEigenvector(gram, count);
  const projection = byRows
    ? vector.map((one) => one * Math.sqrt(value))
    : new Float64Array(rows).map((_, row) => {
        let dot = 0;
        for (let k = 0; k < columns; k++) dot += centered[row * columns + k]! * vector[k]!;
        return dot;
      });
  let along = 0;
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) along += projection[row]! * centered[row * columns + k]!;
  }
  return Float32Array.from(projection, (one) => (along < 0 ? -one : one));
}

function centeredColumns(values: Float32Array, rows: number, columns: number): Float64Array {
  const means = new Float64Array(columns);
  values.forEach((value, i) => {
    means[i % columns]! += value / rows;
  });
  return Float64Array.from(values, (value, i) => value - means[i % columns]!);
}

/** The eigenvector, of length 1, of the largest eigenvalue of a symmetric matrix without negative ones. */
function largestEigenvector(matrix: Float64Array, size: number): { vector: Float64Array; value: number } {
  // The row of the largest diagonal element is not orthogonal to the vector unless that is irrelevant to this element.
  let start = 0;
  for (let i = 1; i < size; i++) {
    if (matrix[i * size + i]! > matrix[start * size + start]!) start = i;
  }
  let vector = matrix.slice(start * size, (start + 1) * size);
  let value = 0;
  for (let step = 0; step < MOST_STEPS; step++) {
    const norm = Math.hypot(...vector);
    if (norm === 0) return { vector, value: 0 };
    const unit = vector.map((one) => one / norm);
    const next = unit.map((_, i) => {
      let dot = 0;
      for (let k = 0; k < size; k++) dot += matrix[i * size + k]! * unit[k]!;
      return dot;
    });
    value = next.reduce((sum, one, i) => sum + one * unit[i]!, 0);
    // How far the matrix turns the vector.
    const turn = next.reduce((sum, one, i) => sum + (one - value * unit[i]!) ** 2, 0);
    vector = unit;
    if (Math.sqrt(turn) <= 1e-10 * value) break;
    vector = next;
  }
  const norm = Math.hypot(...vector) || 1;
  return { vector: vector.map((one) => one / norm), value };
}
