import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, shown } from '../../base/check.js';

/** A point in a network where its numbers can be read. */
export interface Tap {
  /** The name of the layer. */
  layer: string;
  /** Before or after the layer's activation; the same for a layer that has none. */
  side: 'before' | 'after';
}

/**
 * The point that a name stands for: a layer's own name, or another that `featureExtractor` documents.
 *
 * @throws RangeError when there is no such layer; the message lists the names.
 */
export function tapOf(where: string, model: LayersModel, name: string): Tap {
  const taps = tapsOf(model);
  const tap = taps.get(name);
  if (tap) return tap;
  const layers = model.layers.map((layer) => layer.name).join(', ');
  const aliases = [...taps.keys()].filter((alias) => /^(conv|relu|bn|pool)/.test(alias)).slice(-4);
  fail(
    where,
    `there is no layer ${shown(name)}; the layers are ${layers}${aliases.length > 0 ? `, also under other names such as ${aliases.join(', ')}` : ''}.`,
  );
}

/**
 * The indices of the first and the last layer with a name; they differ only for a block (`block5`).
 *
 * @param name a block, a layer, or any other name that `featureExtractor` knows.
 * @throws RangeError when there is no such block or layer.
 */
export function layersOf(where: string, model: LayersModel, name: string): { first: number; last: number } {
  const names = model.layers.map((layer) => layer.name);
  const inBlock = (layer: string) => layer.startsWith(`${name}_`);
  const first = /^block\d+$/.test(name) ? names.findIndex(inBlock) : -1;
  if (first >= 0) return { first, last: names.findLastIndex(inBlock) };
  const at = names.indexOf(tapOf(where, model, name).layer);
  return { first: at, last: at };
}

/** All names of a model's layers. */
function tapsOf(model: LayersModel): Map<string, Tap> {
  const taps = new Map<string, Tap>();
  // torchvision numbers convolutions, batch normalizations, ReLUs and poolings one by one.
  let module = 0;
  const add = (layer: string, side: Tap['side'], ...names: string[]) => {
    for (const name of names) if (!taps.has(name)) taps.set(name, { layer, side });
  };
  for (const { name } of model.layers) add(name, 'after', name);
  for (const { name } of model.layers) {
    const [, block, conv, part] = /^block(\d+)_(?:conv(\d+)(_bn|_relu)?|pool)$/.exec(name) ?? [];
    if (block && !conv) add(name, 'after', `pool${block}`, `features.${module++}`);
    else if (block && part) {
      add(name, 'after', `${part.slice(1)}${block}_${conv}`, `features.${module++}`);
    } else if (block) {
      add(name, 'before', `conv${block}_${conv}`, `features.${module++}`);
      if (!taps.has(`${name}_relu`)) add(name, 'after', `relu${block}_${conv}`, `features.${module++}`);
    }
  }
  const connected = model.layers.filter(({ name }) => /^(fc\d+|predictions)$/.test(name));
  connected.forEach(({ name }, i) => {
    // Caffe counts on from the five blocks; torchvision numbers a linear layer, its ReLU and its dropout one by one.
    add(name, 'before', `fc${6 + i}`, `classifier.${3 * i}`);
    if (name === 'predictions') add(name, 'before', 'logits');
    else add(name, 'after', `relu${6 + i}`, `classifier.${3 * i + 1}`);
  });
  return taps;
}
