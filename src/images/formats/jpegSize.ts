/**
 * The size of a JPEG of gray values or three colors in 8 bits, by its frame header (ITU-T T.81, B.2.2); undefined for others, and where
 * the markers before it are not as they should be.
 */
export function jpegSize(bytes: Uint8Array): { width: number; height: number } | undefined {
  const word = (at: number) => 256 * bytes[at]! + bytes[at + 1]!;
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff) return undefined;
    if (!isFrame(marker)) {
      at += 2 + word(at + 2);
      continue;
    }
    const [bits, height, width, colors] = [bytes[at + 4]!, word(at + 5), word(at + 7), bytes[at + 9]!];
    const isUsual = bits === 8 && (colors === 1 || colors === 3) && width > 0 && height > 0;
    return isUsual ? { width, height } : undefined;
  }
  return undefined;
}

/** Whether a marker begins a frame: not those of tables (DHT, DAC) and extensions among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
