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

/** The maximum number of values in a configuration; one of 2000 layers has 150 000. */
const MAX_VALUES = 500_000;

/** The maximum nesting; ten models within models have 60. */
const MAX_DEPTH = 100;

/**
 * Parses a model's configuration, which `.keras` and whole-model `.h5` files contain as text.
 *
 * @throws WeightFileError when it is not JSON or exceeds a limit.
 */
export function parseConfiguration(file: string, text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new WeightFileError(file, "its model's configuration is not JSON; the file is damaged.", { cause });
  }
  return checkConfiguration(file, json);
}

/** Returns a configuration; throws a WeightFileError if it is too large or nested too deeply to be a network's. */
export function checkConfiguration(file: string, json: unknown): unknown {
  let values = 0;
  let level = [json];
  for (let depth = 0; level.length > 0; depth++) {
    values += level.length;
    if (values > MAX_VALUES || depth > MAX_DEPTH) {
      const limit = depth > MAX_DEPTH ? `${MAX_DEPTH} levels` : `${MAX_VALUES} values`;
      throw new WeightFileError(
        file,
        `its model's configuration has more than ${limit}; no VGG needs so many.`,
      );
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return json;
}

/** The layers of a parsed configuration. */
export function kerasLayers(file: string, model: unknown): KerasConfig {
  const { config } = record(model);
  const layers = Array.isArray(config) ? config : record(config).layers;
  if (!Array.isArray(layers)) {
    throw new WeightFileError(file, `its model's configuration lists no layers.`);
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
