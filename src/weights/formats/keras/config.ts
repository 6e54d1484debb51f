import { WeightFileError } from '../error.js';

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
