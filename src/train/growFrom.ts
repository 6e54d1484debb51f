import { dispose } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { checkNumbers } from '../tfjs/disposed.js';
import { layersWithin } from '../tfjs/models.js';
import { onBackend } from '../tfjs/onBackend.js';

/**
 * Starts a deep network from a trained one with fewer layers, as the VGG paper did (Simonyan & Zisserman 2015, section 3.1): it
 * copies the weights of the first four convolutions and of the fully connected layers, matched by their names, and leaves the
 * others as they are. Without good initial weights, networks deeper than VGG-11 hardly learned.
 *
 * @param trained a network for the same input and classes, such as a VGG-11; unchanged.
 * @returns the same model.
 * @throws RangeError when a layer has no counterpart of the same shape.
 * @example
 * const shallow = vgg(VGG11, options);
 * await train(shallow, sets, { epochs: 5 });
 * const deep = growFrom(vgg(VGG16, options), shallow);
 */
export function growFrom(model: LayersModel, trained: LayersModel): LayersModel {
  checkArguments('growFrom', { model, trained }, { model: MODEL, trained: MODEL });

  for (const one of [model, trained]) checkNumbers('growFrom', one);
  const own = layersWithin(model);
  const pairs = copied(trained).map((from) => {
    const to = own.find(({ name }) => name === from.name);
    const [has, needs] = [shapes(from), to ? shapes(to) : 'no such layer'];
    if (has !== needs) {
      fail(
        'growFrom',
        `${from.name} has the weights ${has} in the trained network, and ${needs} in the model; build both with the same inputShape, widths, hiddenUnits and classes.`,
      );
    }
    return [from, to!] as const;
  });
  return onBackend('growFrom', () => {
    for (const [from, to] of pairs) {
      const weights = from.getWeights().map((weight) => weight.clone());
      to.setWeights(weights);
      dispose(weights);
    }
    return model;
  });
}

/** The layers that are copied, with the normalization that follows each of the convolutions. */
function copied(trained: LayersModel): layers.Layer[] {
  const all = layersWithin(trained);
  const convolutions = all.filter((layer) => layer.getClassName() === 'Conv2D').slice(0, 4);
  const last = convolutions.at(-1);
  if (!last) return fail('growFrom', 'the trained network has no convolutions; pass a VGG.');
  const next = all.slice(all.indexOf(last) + 1).find((layer) => layer.weights.length > 0);
  const end = next?.getClassName() === 'BatchNormalization' ? next : last;
  return all.filter(
    (layer, i) => layer.weights.length > 0 && (i <= all.indexOf(end) || layer.getClassName() === 'Dense'),
  );
}

function shapes(layer: layers.Layer): string {
  return layer.weights.map(({ shape }) => `[${shape}]`).join(' ');
}
