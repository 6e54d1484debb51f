import { diagram, type Plan } from 'vgg-blocks';
import { curves } from 'vgg-blocks/train';
import type { Client } from '../worker/client.js';
import type { SavedSlot, Slot } from '../worker/messages.js';
import { offer, pngOf } from './download.js';
import { history, opened, report, run, snapshot, worker } from './lab.js';

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

/** A network that can be saved. */
export interface Saveable {
  slot: SavedSlot;
  worker(): Promise<Client>;
  title(): string | undefined;
}

/** The network trained here, or the opened one. */
export function saveable(slot: Slot): Saveable {
  return {
    slot,
    worker,
    title: () =>
      slot === 'trained' ? run.value?.title : (opened.value?.run?.title ?? opened.value?.network?.title),
  };
}

/** The name of a network's files: its title in small letters, `vgg-11-8`. */
function fileName({ title }: Saveable): string {
  return (title() ?? 'vgg').toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Saves a network's weights as safetensors. */
export async function saveSafetensors(network: Saveable, names: 'torchvision' | 'keras'): Promise<void> {
  await attempt(async () => {
    const bytes = await (await network.worker()).call('weights', { slot: network.slot, names });
    offer(`${fileName(network)}-${names}.safetensors`, [bytes as BlobPart], BYTES_TYPE);
  });
}

/** Saves a network as the two files of a tfjs model. */
export async function saveTfjs(network: Saveable): Promise<void> {
  await attempt(async () => {
    const { json, weights } = await (await network.worker()).call('files', { slot: network.slot });
    offer('model.json', [json], JSON_TYPE);
    offer('model.weights.bin', [weights], BYTES_TYPE);
  });
}

/** Saves the snapshot's weights, which needs no worker. */
export function saveSnapshot(): void {
  if (!snapshot.value) return;
  offer(`${fileName(saveable('trained'))}-keras.safetensors`, [snapshot.value.weights], BYTES_TYPE);
}

export function saveHistory(): void {
  if (history.value) offer('history.json', [`${JSON.stringify(history.value, null, 2)}\n`], JSON_TYPE);
}

/** Saves the curves of the training run. */
export async function saveCurves(kind: 'svg' | 'png'): Promise<void> {
  if (history.value) await saveFigure('curves', curves(history.value), kind);
}

/** Saves the diagram of one or several networks. */
export async function saveDiagram(networks: Record<string, Plan>, kind: 'svg' | 'png'): Promise<void> {
  await saveFigure('diagram', diagram(networks), kind);
}

async function saveFigure(name: string, svg: string, kind: 'svg' | 'png'): Promise<void> {
  await attempt(async () => {
    if (kind === 'svg') offer(`${name}.svg`, [svg], 'image/svg+xml');
    else offer(`${name}.png`, [await pngOf(svg)], 'image/png');
  });
}

async function attempt(save: () => Promise<void>): Promise<void> {
  try {
    await save();
  } catch (error) {
    report(error);
  }
}
