import type { Checkpoint } from '../formats/checkpoint.js';
import { WeightFileError } from '../formats/error.js';

/**
 * The epsilons of batch normalization that a file's configuration states, by layer. The configuration is searched as it is, so that
 * weights of a model that cannot be built here are still loaded right.
 *
 * @throws WeightFileError when layers of one name have different ones.
 */
export function epsilonsIn({ file, configuration }: Checkpoint): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { class_name: className, config } = value as { class_name?: unknown; config?: unknown };
    const { name, epsilon } = Object(config) as { name?: unknown; epsilon?: unknown };
    if (className === 'BatchNormalization' && typeof name === 'string' && typeof epsilon === 'number') {
      if ((found.get(name) ?? epsilon) !== epsilon) {
        throw new WeightFileError(
          file,
          `its layers named '${name}' have different epsilons; rename one in Keras and save it again.`,
        );
      }
      found.set(name, epsilon);
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(configuration);
  return found;
}
