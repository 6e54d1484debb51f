import { depthOf, type Preprocessing } from './preprocessing.js';

/** What RGB bytes are to a network: its channel order, minus the mean, divided by the standard deviation. */
export interface Channels {
  /** The value of each byte in each of the network's channels, 256 of them for each. */
  values: Float32Array;
  /** Copies the bytes of RGB pixels in the network's channels. For gray, the three bytes of a pixel are equal. */
  pick(rgb: Uint8Array, into: Uint8Array): void;
}

export function channelsOf({ channels, white, mean, std }: Preprocessing): Channels {
  const depth = depthOf({ channels });
  const values = Float32Array.from({ length: 256 * depth }, (_, i) => {
    const channel = i >> 8;
    return (((i & 255) * white) / 255 - mean[channel]!) / std[channel]!;
  });
  const picks = {
    RGB: (rgb: Uint8Array, into: Uint8Array) => into.set(rgb),
    BGR(rgb: Uint8Array, into: Uint8Array) {
      for (let i = 0; i < into.length; i += 3) {
        into[i] = rgb[i + 2]!;
        into[i + 1] = rgb[i + 1]!;
        into[i + 2] = rgb[i]!;
      }
    },
    gray(rgb: Uint8Array, into: Uint8Array) {
      for (let i = 0; i < into.length; i++) into[i] = rgb[3 * i]!;
    },
  };
  return { values, pick: picks[channels] };
}

/** The values of bytes in a network's channels. */
export function valuesOf(bytes: Uint8Array, values: Float32Array, into: Float32Array): void {
  if (values.length === 256) {
    for (let i = 0; i < into.length; i++) into[i] = values[bytes[i]!]!;
    return;
  }
  const [first, second, third] = [0, 256, 512].map((start) => values.subarray(start, start + 256)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (let i = 0; i < into.length; i += 3) {
    into[i] = first[bytes[i]!]!;
    into[i + 1] = second[bytes[i + 1]!]!;
    into[i + 2] = third[bytes[i + 2]!]!;
  }
}

/** Converts RGB bytes to a network's input. */
export function normalizer(preprocessing: Preprocessing): (rgb: Uint8Array, into: Float32Array) => void {
  const { values, pick } = channelsOf(preprocessing);
  return (rgb, into) => {
    const isInOrder = preprocessing.channels === 'RGB';
    const bytes = isInOrder ? rgb : new Uint8Array(into.length);
    if (!isInOrder) pick(rgb, bytes);
    valuesOf(bytes, values, into);
  };
}
