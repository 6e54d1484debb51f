// biome-ignore-all lint/suspicious/noControlCharactersInRegex: signatures of files hold them.

/** Formats by the bytes that their files begin with, in Latin-1. */
const SIGNATURES: readonly (readonly [format: string, signature: RegExp])[] = [
  ['JPEG', /^\xff\xd8\xff/],
  ['PNG', /^\x89PNG\r\n\x1a\n/],
  ['GIF', /^GIF8[79]a/],
  ['WebP', /^RIFF....WEBP/s],
  ['TIFF', /^(II[*+]\0|MM\0[*+])/],
  // After the file's header, the length of the image's.
  ['BMP', /^BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0/s],
  ['PNM', /^P[1-6][\s#]/],
  ['AVIF', /^....ftyp(avi[fs]|(mif[12]|msf1|miaf).{4}(?:.{4})*?avi[fs])/s],
  ['HEIC', /^....ftyp(hei[cmsx]|hev[cmsx]|mif[12]|msf1|miaf)/s],
  // A comment ends where it first can: in several ways, many that almost fit would take forever.
  ['SVG', /^(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>]/s],
  ['ICO', /^\0\0\x01\0[^\0]\0/],
  ['JPEG XL', /^(\xff\x0a|\0\0\0\x0cJXL )/],
  ['JPEG 2000', /^(\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/],
  ['Photoshop', /^8BPS\0/],
  ['OpenEXR', /^v\/1\x01/],
  ['Radiance HDR', /^#\?(RADIANCE|RGBE)/],
  ['DICOM', /^.{128}DICM/s],
  ['PAM', /^P7\n/],
  ['PFM', /^P[Ff]\s/],
];

/** Bytes that {@link imageFormatOf} looks at: those before an SVG's first element may be many. */
export const FORMAT_BYTES = 1024;

/**
 * The name of the image format that a file's first bytes are of, whatever the file is called; undefined if they are not an
 * image's.
 *
 * @param head the first `FORMAT_BYTES` of the file, or all of a shorter one.
 */
export function imageFormatOf(head: Uint8Array): string | undefined {
  const text = Array.from(head.subarray(0, FORMAT_BYTES), (byte) => String.fromCharCode(byte)).join('');
  return SIGNATURES.find(([, signature]) => signature.test(text))?.[0];
}

/** Whether bytes are the attributes that macOS keeps beside a file, under its name after `._`. */
export function isAppleDouble(head: Uint8Array): boolean {
  return [0x00, 0x05, 0x16, 0x07].every((byte, i) => head[i] === byte);
}
