import { WeightFileError } from '../error.js';

/** A layer in a saved Keras model's configuration. */
export interface KerasLayer {
  /** `Conv2D`, `Dense`, `MaxPooling2D`, ... */
  className: string;
  name: string;
  config: Readonly<Record<string, unknown>>;
}

/** A saved Keras model's layers, in their order. */
export type KerasConfig = readonly KerasLayer[];

/** The maximum number of layers; VGG-19 with batch normalization has 60. */
const MAX_LAYERS = 2000;

/**
 * Reads a Keras model's configuration, which `.keras`, whole-model `.h5` and tfjs `model.json` files contain.
 *
 * @throws WeightFileError when it is not JSON or lists no layers.
 */
export function parseKerasConfig(file: string, text: string): KerasConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new WeightFileError(file, "its model's configuration is not JSON; the file is damaged.", { cause });
  }
  return kerasLayers(file, json);
}

/** The layers of a parsed configuration. */
export function kerasLayers(file: string, model: unknown): KerasConfig {
  const { layers } = record(record(model).config);
  if (!Array.isArray(layers) || layers.length > MAX_LAYERS) {
    throw new WeightFileError(file, `its model's configuration lists no layers, or more than ${MAX_LAYERS}.`);
  }
  return layers.map((layer) => {
    const { class_name, config, name } = record(layer);
    return {
      className: String(class_name),
      name: String(record(config).name ?? name),
      config: record(config),
    };
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
