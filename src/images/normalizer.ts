import type { Preprocessing } from './preprocessing.js';

/**
 * Converts RGB bytes to a network's input: its channel order, minus the mean, divided by the standard deviation. For gray, the three
 * bytes of a pixel are equal.
 */
export function normalizer({
  channels,
  white,
  mean,
  std,
}: Preprocessing): (bytes: Uint8Array, into: Float32Array) => void {
  // Each byte's value in each of the network's three channels.
  const [first, second, third] = [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => ((byte * white) / 255 - mean[channel]!) / std[channel]!),
  ) as [Float32Array, Float32Array, Float32Array];
  if (channels === 'gray') {
    return (bytes, into) => {
      for (let i = 0; i < into.length; i++) into[i] = first[bytes[3 * i]!]!;
    };
  }
  const from = channels === 'BGR' ? 2 : 0;
  return (bytes, into) => {
    for (let i = 0; i < into.length; i += 3) {
      into[i] = first[bytes[i + from]!]!;
      into[i + 1] = second[bytes[i + 1]!]!;
      into[i + 2] = third[bytes[i + 2 - from]!]!;
    }
  };
}
