/** A change of a picture's colours, in place: RGB bytes, pixel after pixel. */
type Change = (bytes: Uint8Array, factor: number) => void;

/**
 * Multiplies the light, as torchvision's `adjust_brightness` does to a PIL image.
 *
 * @param factor 0 gives black, 1 leaves the picture as it is.
 */
export const brightness: Change = (bytes, factor) => {
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i++) bytes[i] = blended(0, bytes[i]!);
};

/** Moves every colour away from the picture's mean grey (`adjust_contrast`); 0 gives that grey alone. */
export const contrast: Change = (bytes, factor) => {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 3) sum += grey(bytes, i);
  const mean = Math.trunc(sum / (bytes.length / 3) + 0.5);
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i++) bytes[i] = blended(mean, bytes[i]!);
};

/** Moves every pixel away from its own grey (`adjust_saturation`); 0 gives a grey picture. */
export const saturation: Change = (bytes, factor) => {
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i += 3) {
    const own = grey(bytes, i);
    for (let colour = i; colour < i + 3; colour++) bytes[colour] = blended(own, bytes[colour]!);
  }
};

/**
 * Turns the circle of hues (`adjust_hue`).
 *
 * @param factor the share of a whole turn, -0.5 to 0.5.
 */
export const hue: Change = (bytes, factor) => {
  const turn = Math.trunc(factor * 255);
  const hsv = new Uint8Array(3);
  for (let i = 0; i < bytes.length; i += 3) {
    toHsv(bytes, i, hsv);
    hsv[0]! += turn;
    toRgb(hsv, bytes, i);
  }
};

/** From `a` to `b` by `factor` and beyond it, in float32 and cut off to a byte, as PIL's `Image.blend` computes it. */
function blend(factor: number): (a: number, b: number) => number {
  const f = Math.fround(factor);
  return (a, b) => {
    const value = Math.fround(a + Math.fround(f * (b - a)));
    return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  };
}

/** PIL's grey of a pixel: ITU-R 601-2 luma in units of 2^-16. */
function grey(bytes: Uint8Array, at: number): number {
  return (bytes[at]! * 19595 + bytes[at + 1]! * 38470 + bytes[at + 2]! * 7471 + 0x8000) >> 16;
}

/** PIL's HSV, each from 0 to 255; where it computes in float32 so does this. */
function toHsv(bytes: Uint8Array, at: number, hsv: Uint8Array): void {
  const [r, g, b] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
  const most = Math.max(r, g, b);
  const range = most - Math.min(r, g, b);
  hsv[2] = most;
  if (range === 0) {
    hsv[0] = hsv[1] = 0;
    return;
  }
  const part = (colour: number) => Math.fround((most - colour) / range);
  const [rc, gc, bc] = [part(r), part(g), part(b)];
  const sixth = Math.fround(r === most ? bc - gc : g === most ? 2 + rc - bc : 4 + gc - rc);
  hsv[0] = Math.trunc(Math.fround((sixth / 6 + 1) % 1) * 255);
  hsv[1] = Math.trunc(Math.fround(range / most) * 255);
}

function toRgb([h, s, v]: Uint8Array, bytes: Uint8Array, at: number): void {
  if (s === 0) {
    bytes.fill(v!, at, at + 3);
    return;
  }
  const sixths = (h! * 6) / 255;
  const sector = Math.floor(sixths);
  const f = Math.fround(sixths - sector);
  const share = Math.fround(s! / 255);
  const p = Math.round(v! * (1 - share));
  const q = Math.round(v! * (1 - Math.fround(share * f)));
  const t = Math.round(v! * (1 - share * (1 - f)));
  const colours = [
    [v!, t, p],
    [q, v!, p],
    [p, v!, t],
    [p, q, v!],
    [t, p, v!],
    [v!, p, q],
  ][sector % 6]!;
  bytes.set(colours, at);
}
