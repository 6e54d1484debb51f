import { shown } from '../../base/check.js';
import type { ConvArch } from '../../core/arch.js';
import type { VggOptions } from '../../core/options.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { printable, WeightFileError } from '../formats/error.js';
import { METADATA_KEY } from '../formats/metadata.js';

/** What names and shapes of weights do not say of a network; `encodeWeights` records it where it is not the default. */
export interface RecordedOptions
  extends Pick<VggOptions, 'inputShape' | 'padding' | 'pooling' | 'classifierActivation'> {
  /** The blocks. */
  arch?: ConvArch;
  /** Outputs of the last layer; 0 if the network ends with a hidden layer. */
  classes?: number;
  /** Whether batch normalization follows the ReLU. */
  afterRelu?: boolean;
}

const isOneOf =
  (...allowed: unknown[]) =>
  (value: unknown) =>
    allowed.includes(value);

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The maximum height or width of an image. */
const MAX_SIDE = 2 ** 14;

const FIELDS: Record<keyof RecordedOptions, (value: unknown) => boolean> = {
  inputShape: (value) =>
    Array.isArray(value) &&
    value.length === 3 &&
    value.every((side) => Number.isSafeInteger(side) && side >= 1 && side <= MAX_SIDE),
  arch: (value) =>
    Array.isArray(value) && value.every((block) => Array.isArray(block) && block.every(isCount)),
  padding: isOneOf('valid'),
  classes: isCount,
  pooling: isOneOf('avg', 'max'),
  classifierActivation: isOneOf('softmax'),
  afterRelu: isOneOf(true),
};

/**
 * What `encodeWeights` recorded of the network in a file without a configuration, or a whole module of PyTorch says of it.
 *
 * @throws WeightFileError when the record is damaged.
 */
export function recordedIn({
  file,
  metadata,
  network: stated,
}: Pick<Checkpoint, 'file' | 'metadata' | 'network'>): RecordedOptions {
  if (stated) return stated;
  const refuse = (what: string): never => {
    throw new WeightFileError(
      file,
      `its metadata '${METADATA_KEY}' ${what}; save the file again, or remove this entry.`,
    );
  };
  if (typeof metadata !== 'string') return {};
  let network: unknown;
  try {
    network = Object(JSON.parse(metadata)).network;
  } catch {
    return refuse('is not JSON');
  }
  if (network === undefined) return {};
  if (typeof network !== 'object' || network === null) return refuse('has a network that is not an object');
  for (const [name, value] of Object.entries(network)) {
    if (!Object.hasOwn(FIELDS, name)) refuse(`has the unknown field network.${printable(name)}`);
    if (!FIELDS[name as keyof RecordedOptions](value)) {
      refuse(`has network.${name} ${shown(value)}, which no VGG has`);
    }
  }
  return network;
}
