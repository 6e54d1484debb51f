import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Content, contentOf } from '../formats/content.js';
import { hdf5Of, type NewDataset, type NewGroup } from '../formats/hdf5/write.js';
import { snakeCase } from '../formats/keras/snakeCase.js';
import { zipOf } from '../formats/zip/write.js';
import { BATCH_NORM, varianceShift } from '../names/network.js';
import type { Target } from '../names/targets.js';
import {
  type KerasNewLayer,
  type KerasWeight,
  keras2Config,
  keras3Config,
  kerasLayersOf,
} from './kerasModel.js';
import { numbersOf, shapeOf } from './variable.js';
import type { VggLayers } from './vggLayers.js';

/** Texts by name, which Keras ignores. */
type Metadata = Readonly<Record<string, string>>;

/** A file like Keras' published ones: a group for each layer, which lists its weights in order. */
export function kerasLayerWeights(model: LayersModel, vgg: VggLayers, metadata: Metadata): Content {
  const groups = kerasLayersOf(model, namesIn(vgg)).map(({ name, weights }): [string, NewGroup] => {
    const datasets = weights.map((one) => [`${one.name}:0`, withDefaultEpsilon(one)] as const);
    const attributes = { weight_names: datasets.map(([weight]) => weight) };
    return [name, { attributes, children: Object.fromEntries(datasets) }];
  });
  const attributes = { layer_names: groups.map(([name]) => name), ...metadata };
  return hdf5Of({ attributes, children: Object.fromEntries(groups) });
}

/** The names of a VGG's layers by their first weights. */
function namesIn({ layers }: VggLayers): ReadonlyMap<KerasWeight['variable'], string> {
  return new Map(layers.map(({ name, weights }) => [weights[0]!.variable, name]));
}

/** The writer that these files record. */
const KERAS_2 = { backend: 'tensorflow', keras_version: '2.15.0' };

/** Keras 2's whole model: the configuration, and a group for each layer in `model_weights`. */
export function kerasModelH5(model: LayersModel, metadata: Metadata): Content {
  const all = kerasLayersOf(model);
  const layers = all.map(({ name, weights }): [string, NewGroup] => {
    const datasets = weights.map(({ name, variable }) => [`${name}:0`, dataset(variable)] as const);
    return [
      name,
      {
        attributes: { weight_names: datasets.map(([weight]) => `${name}/${weight}`) },
        children: datasets.length > 0 ? { [name]: group(Object.fromEntries(datasets)) } : {},
      },
    ];
  });
  return hdf5Of({
    attributes: { ...KERAS_2, model_config: JSON.stringify(keras2Config(model.name, all)), ...metadata },
    children: {
      model_weights: {
        attributes: { layer_names: layers.map(([name]) => name), ...KERAS_2 },
        children: Object.fromEntries(layers),
      },
    },
  });
}

/** Keras 3's `.weights.h5`, which does not record epsilons, of a VGG. */
export function kerasWeightsH5(model: LayersModel, vgg: VggLayers, metadata: Metadata): Content {
  const root = numbered(model.name, kerasLayersOf(model, namesIn(vgg)), withDefaultEpsilon);
  return hdf5Of({ ...root, attributes: { ...metadata } });
}

/** Keras 3's `.keras`: a zip archive of the model's configuration and a `.weights.h5`. */
export function kerasZip(model: LayersModel, metadata: Metadata): Content {
  const all = kerasLayersOf(model);
  const json = (value: object) => contentOf(new TextEncoder().encode(JSON.stringify(value)));
  return zipOf([
    { name: 'metadata.json', content: json({ keras_version: '3.0.0', ...metadata }) },
    { name: 'config.json', content: json(keras3Config(model.name, all)) },
    {
      name: 'model.weights.h5',
      content: hdf5Of(numbered(model.name, all, ({ variable }) => dataset(variable))),
    },
  ]);
}

/** Layers by kind and number, `layers/conv2d_3`, and their weights by number. */
function numbered(
  model: string,
  layers: readonly KerasNewLayer[],
  write: (weight: KerasWeight) => NewDataset,
): NewGroup {
  const counts = new Map<string, number>();
  const children: Record<string, NewGroup> = {};
  for (const { className, name, weights } of layers) {
    const kind = snakeCase(className);
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    children[count === 0 ? kind : `${kind}_${count}`] = group({ vars: variables(name, weights.map(write)) });
  }
  return group({ layers: group(children), vars: variables(model, []) });
}

function group(children: NewGroup['children']): NewGroup {
  return { attributes: {}, children };
}

function variables(name: string, datasets: readonly NewDataset[]): NewGroup {
  return { attributes: { name }, children: Object.fromEntries(datasets.entries()) };
}

function dataset(variable: Target['variable'], add = 0): NewDataset {
  return { shape: shapeOf(variable), content: numbersOf(variable, { add }) };
}

/** A weight for a layer with Keras' default epsilon. */
function withDefaultEpsilon({ variable, epsilon }: Pick<Target, 'variable' | 'epsilon'>): NewDataset {
  return dataset(variable, epsilon === undefined ? 0 : varianceShift(epsilon, BATCH_NORM.keras.epsilon));
}
