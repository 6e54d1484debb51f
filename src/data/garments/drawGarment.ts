import type { Random } from '../../base/random.js';
import { bag, trouser } from './bottoms.js';
import { Canvas } from './canvas.js';
import { ankleBoot, sandal, sneaker } from './shoes.js';
import { coat, dress, pullover, shirt, tShirt } from './tops.js';

const DRAW = [tShirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankleBoot];
/** Pixels along a side of a drawing. */
export const SIDE = 28;

/** Draws a garment: `SIDE` x `SIDE` gray pixels, light on black. */
export function drawGarment(kind: number, random: Random): Uint8Array {
  const size = random.between(10.6, 13.4);
  const canvas = new Canvas(SIDE, {
    angle: random.between(-0.14, 0.14),
    scale: [size * random.between(0.9, 1.08), size * random.between(0.94, 1.06)],
    center: [SIDE / 2 + random.between(-1.6, 1.6), SIDE / 2 + random.between(-1.3, 1.3)],
  });
  DRAW[kind]!(canvas, random, random.between(0.34, 0.95));
  canvas.texture(fabric(random));
  return canvas.bytes(random.between(0.03, 0.22), random);
}

/** A pattern lit from one side, as a factor for the shade at each position. */
function fabric(random: Random): (x: number, y: number) => number {
  const [lightX, lightY] = [random.between(-0.14, 0.14), random.between(-0.16, 0.16)];
  const kind = random.next();
  const pitch = random.between(9, 22);
  const phase = random.between(0, 6);
  const depth = random.between(0.12, 0.4);
  const pattern = (at: number) => 1 - depth * (0.5 + 0.5 * Math.sin(at * pitch + phase));
  return (x, y) => {
    const light = 1 + lightX * x + lightY * y;
    if (kind < 0.14) return light * pattern(y);
    if (kind < 0.22) return light * pattern(x);
    if (kind < 0.3) return light * pattern(x) * pattern(y);
    return light;
  };
}
