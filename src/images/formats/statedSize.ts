/** The width and the height that a file states, in pixels. */
interface Size {
  width: number;
  height: number;
}

/**
 * The largest size that a file of AVIF, HEIC or SVG states, as far as it can be told without decoding it; undefined for none and for
 * other formats, whose decoders check it.
 */
export function statedSize(format: string, bytes: Uint8Array): Size | undefined {
  if (format === 'SVG') return svgSize(bytes);
  if (format !== 'AVIF' && format !== 'HEIC') return undefined;
  const sizes = boxedSizes(bytes).sort((a, b) => b.width * b.height - a.width * a.height);
  return sizes[0];
}

/** A box `ispe` of 20 bytes (ISO/IEC 23008-12, 6.5.3): its length and name, a version, width and height. */
const BOX = [0, 0, 0, 20, 0x69, 0x73, 0x70, 0x65];

/** The sizes of an image and its parts. */
function boxedSizes(bytes: Uint8Array): Size[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes: Size[] = [];
  for (let at = bytes.indexOf(BOX[4]!); at >= 0; at = bytes.indexOf(BOX[4]!, at + 1)) {
    if (at < 4 || at + 16 > bytes.length || !BOX.every((byte, i) => bytes[at - 4 + i] === byte)) continue;
    sizes.push({ width: view.getUint32(at + 8), height: view.getUint32(at + 12) });
  }
  return sizes;
}

/** Bytes of an SVG file in which its first element ends: tools declare many namespaces there. */
const SVG_HEAD = 2 ** 16;

/** Pixels of a unit, at 96 to an inch; unknown ones count as pixels. */
const UNITS: Readonly<Record<string, number>> = {
  in: 96,
  cm: 96 / 2.54,
  mm: 96 / 25.4,
  pt: 4 / 3,
  pc: 16,
  em: 16,
};

/** The size of the first element: its width and height, or for want of one that of its viewBox. */
function svgSize(bytes: Uint8Array): Size | undefined {
  const text = new TextDecoder().decode(bytes.subarray(0, SVG_HEAD));
  const [tag] = /<svg\s(?:[^>"']|"[^"]*"|'[^']*')*/.exec(text) ?? [];
  if (tag === undefined) return undefined;
  const attribute = (name: string) =>
    new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`)
      .exec(tag)
      ?.slice(1)
      .find((value) => value !== undefined);
  const lengthOf = (name: string) => {
    const [, number, unit = ''] =
      /^\s*([-+\d.e]+?)(in|cm|mm|pt|pc|em|px)?\s*$/i.exec(attribute(name) ?? '') ?? [];
    const pixels = Number(number) * (UNITS[unit.toLowerCase()] ?? 1);
    return pixels > 0 ? pixels : undefined;
  };
  const [, , across, down] = (attribute('viewBox') ?? '')
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const hasBox = across! > 0 && down! > 0;
  const [width, height] = [lengthOf('width'), lengthOf('height')];
  if (!hasBox) return { width: width ?? 0, height: height ?? 0 };
  return {
    width: width ?? (height === undefined ? across! : (height * across!) / down!),
    height: height ?? (width === undefined ? down! : (width * down!) / across!),
  };
}
