import { inject } from 'vitest';
import { readBytes } from '../../src/io/read.js';
import { noise } from './bytes.js';
import { type Reference, readReference } from './safetensors.js';

/** The folder of the fixtures; a browser has it from the tests' server. */
const server = inject('server');
const folder = server ? new URL('fixtures/', server) : new URL('../fixtures/', import.meta.url);

/** A fixture's path, and in a browser its address. */
export function fixturePath(name: string): string {
  const { protocol, pathname, href } = new URL(name, folder);
  return protocol === 'file:' ? pathname : href;
}

/** The bytes of a fixture. */
export function fixture(name: string): Promise<Uint8Array> {
  return readBytes(fixturePath(name));
}

/** The JSON of a fixture. */
export async function fixtureJson<T>(name: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await fixture(name))) as T;
}

/** Noise from -2 to 2, the same as `images` of fixtures/noise.py. */
export function noiseImages(shape: number[], seed: number): Reference & { data: Float32Array } {
  const bytes = noise(
    shape.reduce((a, b) => a * b),
    seed,
  );
  return { shape, data: Float32Array.from(bytes, (byte) => (byte - 127.5) / 64) };
}

/** The outputs of a network, 'torch/vgg16-narrow' for one, and under `input` and `input96` the noise they were computed of. */
export async function readExpected(network: string): Promise<Map<string, Reference>> {
  const expected = await readReference(fixturePath(`${network}-expected.safetensors`));
  const isTorch = network.startsWith('torch/');
  expected.set('input', noiseImages(isTorch ? [1, 3, 224, 224] : [1, 224, 224, 3], 1));
  if (isTorch) expected.set('input96', noiseImages([2, 3, 96, 96], 2));
  return expected;
}
