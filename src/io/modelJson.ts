import { size } from '../base/shapes.js';

/** A weight that a tfjs `model.json` lists. */
export interface WeightSpec {
  name: string;
  shape: number[];
  dtype: string;
  /** Set if the file stores the weight in another type; `scale` and `min` are not checked. */
  quantization?: { dtype: string; scale?: unknown; min?: unknown };
}

/** Weights whose bytes run consecutively through the files at `paths`. */
export interface WeightGroup {
  paths: string[];
  weights: WeightSpec[];
}

/** The groups in the `weightsManifest` of a parsed `model.json`; undefined if there is none or it is malformed. */
export function weightGroups(json: unknown): WeightGroup[] | undefined {
  const groups: unknown = Object(json).weightsManifest;
  return Array.isArray(groups) && groups.every(isGroup) ? groups : undefined;
}

function isGroup(group: Partial<WeightGroup> | null): boolean {
  return (
    Array.isArray(group?.paths) &&
    group.paths.every((path) => typeof path === 'string') &&
    Array.isArray(group.weights) &&
    group.weights.every(isSpec)
  );
}

function isSpec(spec: Partial<WeightSpec> | null): boolean {
  return (
    typeof spec?.name === 'string' &&
    Array.isArray(spec.shape) &&
    spec.shape.every((length) => Number.isSafeInteger(length) && length >= 0)
  );
}

/** The type in which a weight's numbers are stored. */
export function storedType({ dtype, quantization }: WeightSpec): string {
  return quantization?.dtype ?? dtype;
}

/** The bytes that a weight takes in its file. */
export function storedBytes(spec: WeightSpec): number {
  const elementBytes = { uint8: 1, bool: 1, uint16: 2, float16: 2, complex64: 8 }[storedType(spec)] ?? 4;
  return size(spec.shape) * elementBytes;
}
