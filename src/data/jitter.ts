/** A change of an image's colors, in place: RGB bytes, pixel after pixel. */
type Change = (bytes: Uint8Array, factor: number) => void;

/**
 * Multiplies the brightness, like torchvision's `adjust_brightness` of a PIL image.
 *
 * @param factor 0 gives black, 1 changes nothing.
 */
export const brightness: Change = (bytes, factor) => {
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i++) bytes[i] = blended(0, bytes[i]!);
};

/** Moves every color away from the image's mean gray (`adjust_contrast`); 0 gives that gray. */
export const contrast: Change = (bytes, factor) => {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 3) sum += gray(bytes, i);
  const mean = Math.trunc(sum / (bytes.length / 3) + 0.5);
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i++) bytes[i] = blended(mean, bytes[i]!);
};

/** Moves every pixel away from its own gray (`adjust_saturation`); 0 gives a gray image. */
export const saturation: Change = (bytes, factor) => {
  const blended = blend(factor);
  for (let i = 0; i < bytes.length; i += 3) {
    const own = gray(bytes, i);
    for (let color = i; color < i + 3; color++) bytes[color] = blended(own, bytes[color]!);
  }
};

/**
 * Rotates the hue (`adjust_hue`).
 *
 * @param factor fraction of a full rotation, -0.5 to 0.5.
 */
export const hue: Change = (bytes, factor) => {
  const shift = Math.trunc(factor * 255);
  const hsv = new Uint8Array(3);
  for (let i = 0; i < bytes.length; i += 3) {
    toHsv(bytes, i, hsv);
    hsv[0]! += shift;
    toRgb(hsv, bytes, i);
  }
};

/** Interpolates or extrapolates from `a` to `b`, in float32 and truncated to a byte, like PIL's `Image.blend`. */
function blend(factor: number): (a: number, b: number) => number {
  const f = Math.fround(factor);
  return (a, b) => {
    const value = Math.fround(a + Math.fround(f * (b - a)));
    return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  };
}

/** PIL's gray of a pixel: ITU-R 601-2 luma in units of 2^-16. */
function gray(bytes: Uint8Array, at: number): number {
  return (bytes[at]! * 19595 + bytes[at + 1]! * 38470 + bytes[at + 2]! * 7471 + 0x8000) >> 16;
}

/** PIL's HSV, each from 0 to 255, in float32 where PIL uses it. */
function toHsv(bytes: Uint8Array, at: number, hsv: Uint8Array): void {
  const [r, g, b] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
  const value = Math.max(r, g, b);
  const range = value - Math.min(r, g, b);
  hsv[2] = value;
  if (range === 0) {
    hsv[0] = hsv[1] = 0;
    return;
  }
  const part = (color: number) => Math.fround((value - color) / range);
  const [rc, gc, bc] = [part(r), part(g), part(b)];
  const sixth = Math.fround(r === value ? bc - gc : g === value ? 2 + rc - bc : 4 + gc - rc);
  hsv[0] = Math.trunc(Math.fround((sixth / 6 + 1) % 1) * 255);
  hsv[1] = Math.trunc(Math.fround(range / value) * 255);
}

function toRgb([h, s, v]: Uint8Array, bytes: Uint8Array, at: number): void {
  if (s === 0) {
    bytes.fill(v!, at, at + 3);
    return;
  }
  const sixths = (h! * 6) / 255;
  const sector = Math.floor(sixths);
  const f = Math.fround(sixths - sector);
  const fraction = Math.fround(s! / 255);
  const p = Math.round(v! * (1 - fraction));
  const q = Math.round(v! * (1 - Math.fround(fraction * f)));
  const t = Math.round(v! * (1 - fraction * (1 - f)));
  const colors = [
    [v!, t, p],
    [q, v!, p],
    [p, v!, t],
    [p, q, v!],
    [t, p, v!],
    [v!, p, q],
  ][sector % 6]!;
  bytes.set(colors, at);
}
