import { signal } from '@preact/signals';
import type { RawImage } from 'vgg-blocks/images';
import file from '../../../examples/fashion-mnist.safetensors?url';
import { seededRandom } from '../../../src/base/random.js';
import { Client } from '../worker/client.js';
import type { OpenedInfo } from '../worker/messages.js';
import { endText, notice, paintProgress, teachProgress } from './lab.js';

/** The network that the page opens with, once it is loaded. */
export const sample = signal<OpenedInfo | undefined>(undefined);
/** The share of Fashion-MNIST's test images that it classifies correctly; docs/chapter.md has its training. */
export const SAMPLE_ACCURACY = 0.927;

let client: Promise<Client> | undefined;

/** The worker with that network: one of its own, so that it answers while another network trains. */
export function sampleWorker(): Promise<Client> {
  client ??= start().catch((error: unknown) => {
    client = undefined;
    throw error;
  });
  return client;
}

async function start(): Promise<Client> {
  const end = (detail: string) => {
    client = undefined;
    sample.value = undefined;
    notice.value = { tone: 'bad', text: (t) => endText(t, detail), detail };
  };
  const one = new Client((message) => {
    if (message.event === 'teach') teachProgress.value = message.value;
    if (message.event === 'paint') paintProgress.value = message.value;
  }, end);
  try {
    const [bytes] = await Promise.all([download(), one.call('start', { backend: 'wasm', kernels: true })]);
    const file = new File([bytes], 'fashion-mnist.safetensors');
    const opened = await one.call('open', { file, shards: [] });
    if ('reference' in opened) throw new Error('The sample network has no weights.');
    sample.value = opened;
    return one;
  } catch (error) {
    one.close();
    throw error;
  }
}

async function download(): Promise<ArrayBuffer> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: the server answered ${response.status}.`);
  return response.arrayBuffer();
}

/** A garment that the page drew, and the class that it belongs to. */
export interface Garment {
  kind: number;
  pixels: RawImage;
}

/** One garment each of the kinds that the library draws distinctly enough: pullovers and shirts look like coats. */
export const garments = signal<readonly Garment[]>([]);
const KINDS = [9, 7, 5, 8, 3, 1, 0, 4];
/** Drawings that the network recognizes. */
const FIRST = [24, 37, 49, 33, 6, 56, 55, 45];

/** Draws the garments. */
export async function drawGarments(seeds: readonly number[] = FIRST): Promise<void> {
  const { drawGarment, SIDE } = await import('../../../src/data/garments/drawGarment.js');
  garments.value = KINDS.map((kind, i) => ({
    kind,
    pixels: { data: drawGarment(kind, seededRandom(seeds[i]!)), width: SIDE, height: SIDE },
  }));
}
