/** A point of a quadrature from 0 to 1. */
interface Point {
  at: number;
  weight: number;
}

/**
 * The points of Gauss-Legendre quadrature from 0 to 1, in ascending order: the zeros of the Legendre polynomial, by Newton's method
 * (Abramowitz & Stegun 1964, 25.4.29).
 */
export function gaussLegendre(count: number): Point[] {
  return Array.from({ length: count }, (_, i) => {
    let x = -Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    for (let step = 0; step < 100; step++) {
      const { value, slope } = legendre(count, x);
      x -= value / slope;
      if (Math.abs(value / slope) < 1e-15) break;
    }
    const { slope } = legendre(count, x);
    return { at: (1 + x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}

/** The Legendre polynomial of a degree and its derivative, by the recurrence of three terms. */
function legendre(degree: number, x: number): { value: number; slope: number } {
  let [before, value] = [1, x];
  for (let n = 2; n <= degree; n++) {
    [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
  }
  return { value, slope: (degree * (x * value - before)) / (x * x - 1) };
}
